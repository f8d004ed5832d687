public import Engines
public import Serving

/// How a block ended, decided from what its requests and its engine say.
public enum BlockOutcome {
  /// - Parameters:
  ///   - engineEnding: how the engine ended, when it did during the block.
  ///   - lastLines: of the engine's log, for a failure that the engine survived.
  ///   - metrics: made only when the block completed.
  public static func outcome(
    of load: LoadResult, isCancelled: Bool, engineEnding: EngineFailure?, lastLines: String, timeLimitSeconds: Double,
    metrics: () -> Metrics
  ) -> Outcome {
    if isCancelled { return .cancelled }
    if let engineEnding { return engineEnding.outcome }
    if load.wasCutShort { return .timedOut(afterSeconds: timeLimitSeconds) }
    let hasGoodRequest = load.timelines.contains { $0.failure == nil && !$0.tokenSeconds.isEmpty }
    if hasGoodRequest { return .completed(metrics()) }
    switch load.firstFailure {
    case .stalled(let seconds), .timedOut(let seconds): return .timedOut(afterSeconds: seconds)
    case .some(let failure): return .engineFailed(reason: failure.description, lastLines: lastLines)
    case nil: return .engineFailed(reason: "the engine generated no token", lastLines: lastLines)
    }
  }
}
