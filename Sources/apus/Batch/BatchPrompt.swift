import Serving

/// Reads what a batch's request asks the model: the messages of a chat, or a text to go on with.
enum BatchPrompt {
  private typealias Name = BatchRequest.Name

  static func read(
    _ body: KeyedDecodingContainer<BatchRequest.Name>, route: BatchRequest.Route
  ) throws(BatchFault) -> Prompt {
    switch route {
    case .chat: .chat(try messages(body))
    case .text: .text(try text(body))
    }
  }

  private static func text(_ body: KeyedDecodingContainer<BatchRequest.Name>) throws(BatchFault) -> String {
    let one = try? body.decode(String.self, forKey: "prompt")
    let many = try? body.decode([String].self, forKey: "prompt")
    guard let text = one ?? (many?.count == 1 ? many?.first : nil), !text.isEmpty else {
      throw BatchFault(
        many.map { "it holds \($0.count) prompts" } ?? "it is missing, empty, or no text",
        advice: "give one text; write a line for each prompt", field: "body.prompt")
    }
    return text
  }

  private static func messages(
    _ body: KeyedDecodingContainer<BatchRequest.Name>
  ) throws(BatchFault) -> [ChatMessage] {
    let messages: [Message]
    do {
      messages = try body.decode([Message].self, forKey: "messages")
    } catch let fault as BatchFault {
      throw fault
    } catch {
      throw BatchFault(
        "it is missing, or no list of objects with role and content",
        advice: #"write them like {"role": "user", "content": "TEXT"}"#, field: "body.messages")
    }
    guard !messages.isEmpty else {
      throw BatchFault("it is empty", advice: "give at least one message", field: "body.messages")
    }
    return messages.map { ChatMessage(role: $0.role, content: $0.content) }
  }

  /// Content is a text, or a list of parts that all are text.
  private struct Message: Decodable {
    var role: String
    var content: String

    private struct Part: Decodable {
      var type: String
      var text: String?
    }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Name.self)
      role = try fields.decode(String.self, forKey: "role")
      for name in fields.allKeys where !["role", "content"].contains(name.stringValue) {
        guard try fields.decodeNil(forKey: name) else {
          throw BatchFault(
            "a message has \(name.stringValue), which a job cannot carry", advice: "leave it out",
            field: "body.messages")
        }
      }
      if let text = try? fields.decode(String.self, forKey: "content") {
        content = text
        return
      }
      let parts = try fields.decode([Part].self, forKey: "content")
      content = try parts.map { part in
        guard part.type == "text", let text = part.text else {
          throw BatchFault(
            "a message has a part of type \(part.type), which a job cannot carry", advice: "give text only",
            field: "body.messages")
        }
        return text
      }.joined()
    }
  }
}
