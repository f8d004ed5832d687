/// Why the answer to a job ended, as the engine says; or why there is none.
public enum FinishReason: String, Hashable, Codable, Sendable, CaseIterable {
  /// The model ended it, or it came to a text at which it was to stop.
  case stop
  /// It has as many tokens as were asked for.
  case length
  /// Prompt and answer filled the context before that.
  case contextFull = "context_full"
  /// There is no answer: the prompt alone is longer than the context.
  case promptTooLong = "prompt_too_long"
  /// The model ended it after it called functions.
  case toolCalls = "tool_calls"
  /// There is no answer: the engine, or the model's chat template, cannot do what was asked with tools.
  case toolsRefused = "tools_refused"
  /// There is no answer: the engine found another fault with the request.
  case refused
  /// There is no answer: every strategy is refused, or foreseen to miss a limit that the job came with.
  case limitsUnmet = "limits_unmet"
  /// There is no answer: the job still waited when it was wanted.
  case deadlinePassed = "deadline_passed"

  /// Whether the engine refused the request, whatever its configuration.
  public var isRefusal: Bool { self == .promptTooLong || self == .toolsRefused || self == .refused }

  /// OpenAI's word for it. A full context is a length there, too.
  public var openAI: String {
    switch self {
    case .stop: "stop"
    case .toolCalls: "tool_calls"
    case .length, .contextFull, .promptTooLong, .toolsRefused, .refused, .limitsUnmet, .deadlinePassed: "length"
    }
  }
}

extension JobRecord {
  /// Why its answer ended; guessed from the length where nobody said, as workers of before did not.
  ///
  /// - Parameter outputTokens: tokens of the answer.
  public func finishReason(outputTokens: Int) -> FinishReason {
    finishReason ?? (outputTokens >= spec.maxTokens ? .length : .stop)
  }
}
