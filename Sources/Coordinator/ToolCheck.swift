import FoundationEssentials
import Serving

/// Refuses tools that no engine could be asked with: their definitions are put into its request as they are.
enum ToolCheck {
  static func noTemplate(_ model: ModelProfile) -> ApusError {
    ApusError(
      .badInput, "the chat template of \(model.name) has no place for tools",
      advice: "take a model that was made for them, or attach a server that has them", kind: .toolsRefused)
  }

  static func check(_ tools: Tools, of spec: JobSpec) throws(ApusError) {
    guard case .chat = spec.prompt else {
      throw ApusError(.badInput, "a text is to be completed with tools", advice: "give a chat")
    }
    guard (1...Tools.most).contains(tools.functions.count), tools.bytes <= Tools.mostBytes else {
      throw ApusError(
        .badInput, "there are \(tools.functions.count) tools of \(tools.bytes) bytes together",
        advice: "give 1 to \(Tools.most), of at most \(Tools.mostBytes) bytes together")
    }
    var names: Set<String> = []
    for function in tools.functions {
      if let fault = Tools.fault(ofName: function.name) { throw ApusError(.badInput, fault) }
      guard names.insert(function.name).inserted else {
        throw ApusError(.badInput, "two tools are named \(function.name)", advice: "give each a name of its own")
      }
      guard JSONObject.isWritten(in: function.json) else {
        throw ApusError(
          .badInput, "the tool \(function.name) is no JSON object",
          advice: #"write it as {"type":"function","function":{"name":...}}"#)
      }
    }
    if case .function(let name) = tools.choice, !names.contains(name) {
      throw ApusError(
        .badInput, "the answer must call \(name.prefix(80)), which is none of the tools",
        advice: "the tools are " + names.sorted().joined(separator: ", "))
    }
    guard spec.sampling?.schema == nil, spec.sampling?.logprobs == nil else {
      throw ApusError(
        .badInput, "an answer with tools cannot be held to a schema, nor have log-probabilities",
        advice: "leave the tools out, or the rest")
    }
  }
}

/// Any JSON object. The decoder reads all of it, whatever is asked of its members.
struct JSONObject: Decodable {
  private enum NoMember: CodingKey {}

  init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: NoMember.self) }

  static func isWritten(in text: String) -> Bool {
    (try? JSONDecoder().decode(JSONObject.self, from: Data(text.utf8))) != nil
  }
}
