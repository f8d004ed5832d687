import Serving

/// How long the parts of a trial may take.
public struct TrialTiming: Hashable, Sendable {
  /// A block that takes longer has timed out. An idle machine needs at most about 20 s for the built-in workloads.
  public var blockSeconds: Double
  /// A silence longer than this, beyond what reading the prompts may take, is a hanging engine.
  public var stallSeconds: Double
  /// The slowest reading of prompts that is worth measuring, in tokens per second.
  public var slowestPrefillRate: Double
  /// A short request that is not counted, after each start.
  public var warmUpPromptTokens: Int
  public var warmUpOutputTokens: Int
  /// Longest time a probe of quality asks one engine. A small model needs about a second.
  public var qualitySeconds: Double
  /// Once probes have taken this share of a trial's time limit no further one starts in it, 0...1.
  public var qualityShare: Double

  public init(
    blockSeconds: Double = 180, stallSeconds: Double = 60, slowestPrefillRate: Double = 100,
    warmUpPromptTokens: Int = 32, warmUpOutputTokens: Int = 8, qualitySeconds: Double = 20,
    qualityShare: Double = 0.25
  ) {
    self.blockSeconds = blockSeconds
    self.stallSeconds = stallSeconds
    self.slowestPrefillRate = slowestPrefillRate
    self.warmUpPromptTokens = warmUpPromptTokens
    self.warmUpOutputTokens = warmUpOutputTokens
    self.qualitySeconds = qualitySeconds
    self.qualityShare = qualityShare
  }

  /// The time limits of one request of a workload. With one slot the last of a burst waits for all the others.
  func requestLimits(_ workload: Workload) -> RequestLimits {
    let promptTokens = Double(workload.promptTokens.upperBound * max(1, workload.concurrency))
    return RequestLimits(
      stallSeconds: min(blockSeconds, stallSeconds + promptTokens / slowestPrefillRate), totalSeconds: blockSeconds)
  }
}
