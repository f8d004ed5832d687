/// Tells which fields of a body no job carries. They are refused by name, not ignored: an answer made with other options
/// than asked for is worse than none.
enum UnsupportedField {
  /// Read by `CompletionRequest`.
  private static let carried: Set<String> = [
    "model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stream",
    "stream_options", "stop", "seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs",
    "response_format", "tools", "tool_choice", "parallel_tool_calls", "apus",
  ]

  /// They change nothing of an answer, or only how a model that can be told so thinks and talks.
  private static let harmless: Set<String> = [
    "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    "id", "chat_id", "session_id", "timings_per_token", "return_progress", "reasoning_effort", "verbosity",
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
    case "functions", "stop_token_ids": value([Nothing].self)?.isEmpty == true
    case "function_call": ["none", "auto"].contains(value(String.self))
    case "logit_bias", "options": value([String: Nothing].self)?.isEmpty == true
    case "best_of", "repeat_penalty", "repetition_penalty", "length_penalty", "typical_p": value(Double.self) == 1
    case "mirostat", "priority": value(Double.self) == 0
    case "suffix": value(String.self) == ""
    case "echo", "use_beam_search", "think", "background": value(Bool.self) == false
    case "skip_special_tokens", "add_generation_prompt", "cache_prompt": value(Bool.self) == true
    case "modalities": value([String].self) == ["text"]
    default: false
    }
  }
}
