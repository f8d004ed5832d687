/// Which fields of an OpenAI request a job can carry, and what becomes of the others.
enum BatchFields {
  private typealias Name = BatchRequest.Name

  /// Read by `BatchRequest`.
  private static let carried: [BatchRequest.Route: Set<String>] = [
    .chat: ["model", "messages", "max_tokens", "max_completion_tokens", "temperature", "seed", "top_p", "stop"],
    .text: ["model", "prompt", "max_tokens", "temperature", "seed", "top_p", "stop"],
  ]

  /// They change nothing of an answer.
  private static let harmless: Set<String> = [
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls",
  ]

  /// The values with which a field asks for what a job does anyway. With any other it is refused.
  private static let usual: [String: [JSONValue]] = [
    "n": [1], "best_of": [1], "stream": [false], "echo": [false], "logprobs": [false], "top_logprobs": [0],
    "presence_penalty": [0, .double(0)], "frequency_penalty": [0, .double(0)],
    "logit_bias": [.object([])], "tools": [.array([])], "tool_choice": ["none", "auto"],
    "response_format": [.object([("type", "text")])], "modalities": [.array(["text"])], "suffix": [""],
  ]

  /// - Throws: the first field, by name, that a job cannot carry.
  static func check(
    _ body: KeyedDecodingContainer<BatchRequest.Name>, route: BatchRequest.Route
  ) throws(BatchFault) {
    let known = carried[route, default: []].union(harmless)
    for name in body.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) where !known.contains(name.stringValue) {
      // What does not decode is no usual value either.
      let value = (try? body.decode(JSONValue.self, forKey: name))?.text
      if value == "null" || usual[name.stringValue]?.contains(where: { $0.text == value }) == true { continue }
      throw BatchFault(
        usual[name.stringValue] == nil
          ? "\(route.rawValue) has no such field here" : "it is \(value ?? "no JSON"), which a job cannot carry",
        advice: "leave it out", field: "body." + name.stringValue)
    }
  }
}

extension JSONValue: Decodable {
  init(from decoder: any Decoder) throws {
    let single = try decoder.singleValueContainer()
    if single.decodeNil() {
      self = .null
    } else if let value = try? single.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? single.decode(Int.self) {
      self = .int(value)
    } else if let value = try? single.decode(Double.self) {
      self = .double(value)
    } else if let value = try? single.decode(String.self) {
      self = .string(value)
    } else if let values = try? single.decode([JSONValue].self) {
      self = .array(values)
    } else {
      let members = try single.decode([String: JSONValue].self)
      self = .object(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
  }
}
