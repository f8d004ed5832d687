public import Serving

/// How an engine's run ended when it did not end because we stopped it.
public enum EngineFailure: Error, Hashable, Sendable {
  /// It went over its memory limit, or the system ended it for lack of memory.
  case outOfMemory(detail: String)
  /// It was not ready in time, and was ended.
  case startTimedOut(afterSeconds: Double)
  /// It ended by itself or could not be started; with the last lines it wrote.
  case ended(reason: String, lastLines: String)
  /// The task that was starting it was cancelled.
  case cancelled

  /// The same as the result of a measurement.
  public var outcome: Outcome {
    switch self {
    case .outOfMemory(let detail): .outOfMemory(detail: detail)
    case .startTimedOut(let seconds): .timedOut(afterSeconds: seconds)
    case .ended(let reason, let lastLines): .engineFailed(reason: reason, lastLines: lastLines)
    case .cancelled: .cancelled
    }
  }
}
