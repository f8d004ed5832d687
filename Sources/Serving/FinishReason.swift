/// Why an engine's answer to a job ended, as the engine says.
public enum FinishReason: String, Hashable, Codable, Sendable, CaseIterable {
  /// The model ended it, or it came to a text at which it was to stop.
  case stop
  /// It has as many tokens as were asked for.
  case length
  /// Prompt and answer filled the context before that.
  case contextFull = "context_full"
  /// There is no answer: the prompt alone is longer than the context.
  case promptTooLong = "prompt_too_long"

  /// OpenAI's word for it. A full context is a length there, too.
  public var openAI: String { self == .stop ? "stop" : "length" }
}

extension JobRecord {
  /// Why its answer ended; guessed from the length where nobody said, as workers of before did not.
  ///
  /// - Parameter outputTokens: tokens of the answer.
  public func finishReason(outputTokens: Int) -> FinishReason {
    finishReason ?? (outputTokens >= spec.maxTokens ? .length : .stop)
  }
}
