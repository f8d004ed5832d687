public import Serving

/// What the engine used while a block ran.
public struct BlockUsage: Hashable, Sendable {
  /// CPU time of the engine's processes, in seconds; nil where they cannot be seen.
  public var cpuSeconds: Double?
  /// Most resident memory of the engine since its start; nil where it cannot be seen.
  public var peakMemoryBytes: Int?
  /// Engine start to readiness.
  public var loadSeconds: Double
  /// Tokens drafted and accepted over the block; nil where the engine does not say.
  public var draftedTokenCount: Int?
  public var acceptedTokenCount: Int?
  /// Of the whole machine over the block, in joules; nil without a counter.
  public var energyJoules: Double?
  /// What the engine had of GPUs' memory at the end; nil where it has none or that cannot be seen.
  public var acceleratorMemoryBytes: Int?

  public init(
    cpuSeconds: Double?, peakMemoryBytes: Int?, loadSeconds: Double, draftedTokenCount: Int? = nil,
    acceptedTokenCount: Int? = nil, energyJoules: Double? = nil, acceleratorMemoryBytes: Int? = nil
  ) {
    self.cpuSeconds = cpuSeconds
    self.peakMemoryBytes = peakMemoryBytes
    self.loadSeconds = loadSeconds
    self.draftedTokenCount = draftedTokenCount
    self.acceptedTokenCount = acceptedTokenCount
    self.energyJoules = energyJoules
    self.acceleratorMemoryBytes = acceleratorMemoryBytes
  }
}

/// From the raw samples of a block to its metrics.
///
/// Latencies and token counts are those of the requests that finished well: a failed request's tokens are no use to
/// anybody. For one request, with times from its sending: TTFT is the first token, E2E the last, the gaps between
/// tokens (ITL) add up to E2E - TTFT, and TPOT is their mean. Over a block the ITL summary weighs each gap alike, TPOT
/// each request. Requests of a single token have no gap and no TPOT; where none has one, both summaries are 0.
public enum MetricSummary {
  public static func metrics(of samples: [RequestTimeline], usage: BlockUsage) -> Metrics {
    let good = samples.filter { $0.failure == nil && !$0.tokenSeconds.isEmpty }
    let drafted = usage.draftedTokenCount ?? 0
    return Metrics(
      requestCount: good.count,
      failedRequestCount: samples.count - good.count,
      promptTokenCount: good.reduce(0) { $0 + $1.promptTokenCount },
      outputTokenCount: good.reduce(0) { $0 + $1.outputTokenCount },
      wallSeconds: wallSeconds(of: samples),
      cpuSeconds: usage.cpuSeconds,
      peakMemoryBytes: usage.peakMemoryBytes,
      loadSeconds: usage.loadSeconds,
      ttft: LatencySummary(seconds: good.compactMap(\.ttftSeconds)),
      itl: LatencySummary(seconds: good.flatMap(\.gapSeconds)),
      tpot: LatencySummary(seconds: good.compactMap(\.tpotSeconds)),
      e2e: LatencySummary(seconds: good.compactMap(\.e2eSeconds)),
      acceptanceRate: drafted > 0 ? Double(usage.acceptedTokenCount ?? 0) / Double(drafted) : nil,
      energyJoules: usage.energyJoules,
      acceleratorMemoryBytes: usage.acceleratorMemoryBytes)
  }

  /// First request sent to last token received, failed requests included: the engine was busy with them too.
  static func wallSeconds(of samples: [RequestTimeline]) -> Double {
    guard let first = samples.map(\.sentAtSeconds).min() else { return 0 }
    return (samples.map { $0.sentAtSeconds + ($0.e2eSeconds ?? 0) }.max() ?? first) - first
  }
}

extension RequestTimeline {
  /// Gaps between tokens in seconds, one fewer than tokens.
  public var gapSeconds: [Double] {
    zip(tokenSeconds.dropFirst(), tokenSeconds).map { $0 - $1 }
  }
}
