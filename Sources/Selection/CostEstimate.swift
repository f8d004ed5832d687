public import Acceleration
import Glibc

/// What the roofline says of one configuration, with the parts that make good features.
public struct CostEstimate: Sendable {
  public var settings: EngineSettings
  /// Whether every file the configuration names was known; when not, the figures are for the asked model.
  public var isComplete: Bool
  /// Of the model whose file is loaded. Sizes and not profiles: there is an estimate for every candidate.
  public var weightBytes: Int
  /// Nil without a draft model, or when it is not known.
  public var draftWeightBytes: Int?
  /// Bytes of its weights that one token reads.
  public var draftActiveWeightBytes: Int?
  /// Of the weights that a token reads, those on GPUs, 0...1.
  public var acceleratorShare: Double
  /// Streams that share a step.
  public var batch: Double
  /// One prompt, without what was cached.
  public var prefillSeconds: Double
  public var stepSeconds: Double
  /// Until a slot is free.
  public var waitSeconds: Double
  /// Share of the prompt found in the cache, 0...1.
  public var cachedShare: Double
  /// Assumed, 0...1; 0 without speculation.
  public var acceptance: Double
  /// Tokens that one step gives each stream, at least 1.
  public var tokensPerStep: Double

  public var ttftMS: Double
  public var tpotMS: Double
  public var e2eMS: Double
  /// Output tokens per second over all streams.
  public var throughput: Double
  public var memoryBytes: Double
  /// Of the whole machine, at the power a machine of its kind takes while it works.
  public var joulesPerToken: Double

  /// The logarithm of a metric's cost.
  public func logCost(_ metric: CostMetric) -> Double {
    switch metric {
    case .ttft: log(ttftMS)
    case .tpot: log(tpotMS)
    case .e2e: log(e2eMS)
    case .throughput: -log(throughput)
    case .memory: log(memoryBytes)
    case .energy: log(joulesPerToken)
    }
  }
}
