import FoundationEssentials
import Serving

/// The fields of a request that are not plain values.
extension CompletionRequest {
  struct Message: Decodable, Sendable {
    let read: ChatMessage

    private static let carried: Set<String> = ["role", "content", "tool_calls", "tool_call_id"]
    /// They say nothing to a model.
    private static let harmless: Set<String> = ["id", "name", "refusal", "annotations", "reasoning_content"]
    /// Bytes of one call's arguments.
    private static let mostArgumentBytes = 256 << 10

    private struct Part: Decodable {
      var type: String
      var text: String?
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: FieldName.self)
      let role = try values.decode(String.self, forKey: "role")
      for name in values.allKeys
      where !Self.carried.contains(name.stringValue) && !Self.harmless.contains(name.stringValue) {
        let isEmpty = try values.decodeNil(forKey: name) || (try? values.decode([Nothing].self, forKey: name)) == []
        guard isEmpty else {
          throw RequestRefusal(
            "messages", "a message has \(name.stringValue), which is not supported here",
            code: "unsupported_parameter")
        }
      }
      var calls = try values.decodeIfPresent([ToolCall].self, forKey: "tool_calls") ?? []
      try Self.check(calls, role, values.codingPath)
      // Some servers write no arguments as nothing, which engines cannot read as JSON.
      for place in calls.indices where calls[place].arguments.isEmpty { calls[place].arguments = "{}" }
      let answered = try values.decodeIfPresent(String.self, forKey: "tool_call_id")
      guard (role == "tool") == (answered != nil) else {
        throw RequestRefusal(
          values.codingPath + [FieldName("tool_call_id")],
          answered == nil
            ? "a result does not say of which call; give tool_call_id" : "a message of role \(role) is no result",
          code: answered == nil ? "missing_field" : "invalid_value")
      }
      read = ChatMessage(
        role: role, content: try Self.content(values, mayBeNone: !calls.isEmpty),
        toolCalls: calls.isEmpty ? nil : calls, toolCallID: answered)
    }

    private static func content(
      _ values: KeyedDecodingContainer<FieldName>, mayBeNone: Bool
    ) throws -> String {
      if let text = try? values.decode(String.self, forKey: "content") { return text }
      if mayBeNone, try !values.contains("content") || values.decodeNil(forKey: "content") { return "" }
      guard !values.contains("content") || (try? values.nestedUnkeyedContainer(forKey: "content")) != nil else {
        throw RequestRefusal(
          values.codingPath + [FieldName("content")], "the content of a message is neither a text nor a list of parts",
          code: "wrong_type")
      }
      return try values.decode([Part].self, forKey: "content").map { part in
        guard part.type == "text", let text = part.text else {
          throw RequestRefusal("messages", "a content part is of type \(part.type); only text can be read")
        }
        return text
      }.joined()
    }

    /// Templates write arguments as JSON, so they must be that; a call of before may have been cut short.
    private static func check(_ calls: [ToolCall], _ role: String, _ path: [any CodingKey]) throws(RequestRefusal) {
      let path = path + [FieldName("tool_calls")]
      guard calls.isEmpty || role == "assistant", calls.count <= Tools.most else {
        throw RequestRefusal(
          path, "a message of role \(role) has \(calls.count) calls; an assistant's may have up to \(Tools.most)")
      }
      for call in calls {
        if let fault = Tools.fault(ofName: call.name) { throw RequestRefusal(path, fault) }
        guard call.arguments.utf8.count <= mostArgumentBytes else {
          throw RequestRefusal(
            path, "the arguments of a call have \(call.arguments.utf8.count) bytes; give at most \(mostArgumentBytes)")
        }
        let isJSON = (try? JSONDecoder().decode(Nothing.self, from: Data(call.arguments.utf8))) != nil
        guard isJSON || call.arguments.isEmpty else {
          throw RequestRefusal(path, "the arguments of the call of \(call.name) are not JSON")
        }
      }
    }
  }

  /// A text, or a list of texts, each of which is answered.
  struct PromptField: Decodable, Sendable {
    var texts: [String]

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      guard let texts = (try? container.decode(String.self)).map({ [$0] }) ?? (try? container.decode([String].self))
      else { throw RequestRefusal("prompt", "the prompt is no text; token ids are not taken here") }
      self.texts = texts
    }
  }

  /// A text to stop at, or some.
  struct StopField: Decodable, Sendable {
    var texts: [String]

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      texts = try (try? container.decode(String.self)).map { [$0] } ?? container.decode([String].self)
    }
  }

  /// Of a chat whether they are wanted, of a completion how many.
  enum LogprobsField: Decodable, Sendable {
    case flag(Bool)
    case count(Int)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let flag = try? container.decode(Bool.self) {
        self = .flag(flag)
      } else if let count = try? container.decode(Int.self) {
        self = .count(count)
      } else {
        throw DecodingError.typeMismatch(
          Int.self,
          DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "neither a flag nor a count"))
      }
    }
  }

  package struct StreamOptions: Decodable, Sendable {
    package var includesUsage: Bool?

    private enum CodingKeys: String, CodingKey { case includesUsage = "include_usage" }
  }

  struct ResponseFormat: Decodable, Sendable {
    enum Kind: String, Sendable {
      case text
      case object = "json_object"
      case schema = "json_schema"
    }

    var kind: Kind

    private enum CodingKeys: String, CodingKey { case kind = "type" }

    init(from decoder: any Decoder) throws {
      let word = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .kind)
      guard let kind = Kind(rawValue: word) else {
        throw RequestRefusal(
          "response_format", "there is no type \(word); there are text, json_object, json_schema")
      }
      self.kind = kind
    }
  }

  /// What Apus can be asked beyond OpenAI's fields.
  package struct Wishes: Decodable, Sendable {
    package var objective: String?
    package var limits: [String]?
    package var maxQualityLoss: Double?
    package var idempotencyKey: String?
    package var priority: Int?
    package var deadlineMS: Int?
    package var session: String?

    /// What the coordinator takes, refused here by the name that the client gave.
    package static let priorities = -5...5
    /// Milliseconds, to a week.
    package static let deadlinesMS = 1...7 * 24 * 3600 * 1000

    package init() {}

    /// - Parameter field: where the number stands.
    package static func checked(
      _ number: Int?, in range: ClosedRange<Int>, _ field: String
    ) throws(RequestRefusal) -> Int? {
      if let number, !range.contains(number) {
        throw RequestRefusal(field, "\(field) is \(number); give \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }

    package init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      objective = try values.decodeIfPresent(String.self, forKey: .objective)
      limits = try values.decodeIfPresent([String].self, forKey: .limits)
      maxQualityLoss = try values.number(Double.self, forKey: .maxQualityLoss)
      idempotencyKey = try values.decodeIfPresent(String.self, forKey: .idempotencyKey)
      priority = try Self.checked(
        values.number(Int.self, forKey: .priority), in: Self.priorities, "apus.priority")
      deadlineMS = try Self.checked(
        values.number(Int.self, forKey: .deadlineMS), in: Self.deadlinesMS, "apus.deadline_ms")
      session = try values.decodeIfPresent(String.self, forKey: .session)
      let known = Set(CodingKeys.allCases.map(\.rawValue))
      let names = try decoder.container(keyedBy: FieldName.self).allKeys.map(\.stringValue).sorted()
      if let unknown = names.first(where: { !known.contains($0) }) {
        throw RequestRefusal(
          "apus.\(unknown)", "apus has no \(unknown); there are \(known.sorted().joined(separator: ", "))",
          code: "unsupported_parameter")
      }
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
      case objective, priority, session
      case deadlineMS = "deadline_ms"
      case limits = "slo"
      case maxQualityLoss = "max_quality_loss"
      case idempotencyKey = "idempotency_key"
    }
  }
}

/// Any name of a field.
struct FieldName: CodingKey, ExpressibleByStringLiteral {
  var stringValue: String
  var intValue: Int? { nil }

  init(_ name: String) { stringValue = name }
  init(stringLiteral value: String) { stringValue = value }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// An element that is of no interest; lists of it tell only how long they are.
struct Nothing: Decodable, Hashable {
  init(from decoder: any Decoder) {}
}
