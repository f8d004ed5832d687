import Serving

/// Why one request to an engine failed.
public enum RequestFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The prompt does not fit. Nil where the engine does not say the number.
  case promptTooLong(promptTokens: Int?, contextTokens: Int?)
  /// The engine, or the model's chat template, cannot do what was asked with tools.
  case toolsRefused(String)
  /// The engine answered with another status than 200, or with an error in the stream.
  case refused(status: Int, message: String)
  /// Nothing came for this long.
  case stalled(afterSeconds: Double)
  /// The request as a whole took longer than it may.
  case timedOut(afterSeconds: Double)
  /// A line of the stream, or an answer, is longer than the limit.
  case tooLong(limitBytes: Int)
  /// The answer is not what the dialect says.
  case invalidAnswer(String)
  /// The engine could not be reached or closed the connection in the middle.
  case connectionLost(String)
  case cancelled

  public var description: String {
    switch self {
    case .promptTooLong(let prompt, let context):
      if let prompt, let context {
        "the prompt has \(prompt) tokens, more than the context of \(context)"
      } else {
        "the prompt is longer than the context"
      }
    case .toolsRefused(let reason): reason
    case .refused(let status, let message): "the engine answered \(status): \(message)"
    case .stalled(let seconds): "nothing came from the engine for \(seconds) s"
    case .timedOut(let seconds): "the request was not done after \(seconds) s"
    case .tooLong(let limit): "the engine sent a line of more than \(limit) bytes"
    case .invalidAnswer(let reason): "the engine's answer is not understood: \(reason)"
    case .connectionLost(let reason): "the connection to the engine was lost: \(reason)"
    case .cancelled: "cancelled"
    }
  }

  /// Whether the engine is as good as before: it said no, in order.
  public var leavesEngineUsable: Bool {
    switch self {
    case .promptTooLong, .toolsRefused, .refused, .cancelled: true
    default: false
    }
  }

  /// Nil where the engine had no reason of its own.
  var finishReason: FinishReason? {
    switch self {
    case .promptTooLong: .promptTooLong
    case .toolsRefused: .toolsRefused
    // Statuses for a request that cannot be, not those for who asks, or when.
    case .refused(400, _), .refused(422, _): .refused
    default: nil
    }
  }

  /// An engine that finds fault with a request may mean its tools: vLLM without a parser of calls, or a template that
  /// takes no message of role `tool`.
  func blamingTools(of job: JobSpec) -> RequestFailure {
    guard job.usesTools, case .refused(400..<500, let message) = self else { return self }
    return .toolsRefused("the engine refuses a request with tools: \(message)")
  }

  /// Whether the engine may be gone.
  var isLostConnection: Bool { if case .connectionLost = self { true } else { false } }

  /// Whether the engine took too long, rather than answering badly.
  public var isTimeOut: Bool {
    switch self {
    case .stalled, .timedOut: true
    default: false
    }
  }
}
