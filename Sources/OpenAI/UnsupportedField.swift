/// Tells which fields of a body no job carries. They are refused by name, not ignored: an answer made with other options
/// than asked for is worse than none.
enum UnsupportedField {
  /// Read by `CompletionRequest`.
  private static let carried: Set<String> = [
    "model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stream",
    "stream_options", "stop", "seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs",
    "response_format", "tools", "tool_choice", "parallel_tool_calls", "apus",
  ]

  /// They change nothing of an answer.
  private static let harmless: Set<String> = [
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
  ]

  /// - Returns: the first, in the order of their names, that asks for something.
  static func first(of values: KeyedDecodingContainer<FieldName>) -> String? {
    values.allKeys.map(\.stringValue).sorted().first { name in
      !carried.contains(name) && !harmless.contains(name) && !asksNothing(name, values)
    }
  }

  /// Whether a field has the value with which it asks for what a job does anyway.
  private static func asksNothing(_ name: String, _ values: KeyedDecodingContainer<FieldName>) -> Bool {
    let key = FieldName(stringValue: name)
    func value<Value: Decodable>(_ type: Value.Type) -> Value? { try? values.decode(type, forKey: key) }
    if (try? values.decodeNil(forKey: key)) == true { return true }
    return switch name {
    case "functions": value([Nothing].self)?.isEmpty == true
    case "function_call": ["none", "auto"].contains(value(String.self))
    case "logit_bias": value([String: Double].self)?.isEmpty == true
    case "best_of": value(Int.self) == 1
    case "suffix": value(String.self) == ""
    case "echo": value(Bool.self) == false
    case "modalities": value([String].self) == ["text"]
    default: false
    }
  }
}
