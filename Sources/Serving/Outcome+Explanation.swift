extension Outcome {
  /// How it ended, in a few words.
  public var explanation: String {
    switch self {
    case .completed: "completed"
    case .outOfMemory(let detail): "out of memory: \(detail)"
    case .timedOut(let seconds): "timed out after \(seconds) s"
    case .engineFailed(let reason, _): "the engine failed: \(reason)"
    case .lostWorker: "the worker was lost"
    case .cancelled: "the worker stopped it"
    }
  }
}
