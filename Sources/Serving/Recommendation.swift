/// What the selector foresees for a candidate. Nil where it cannot say.
public struct PredictedMetrics: Hashable, Codable, Sendable {
  public var ttftMS: Double?
  public var tpotMS: Double?
  public var e2eMS: Double?
  /// Output tokens per second over all streams.
  public var throughput: Double?
  public var memoryBytes: Int?
  /// Joules for each output token; nil for a node whose energy was never measured.
  public var joulesPerToken: Double?
  /// Price of a million output tokens, in the currency of the node's price; nil for a node without one.
  public var costPerMillionTokens: Double?

  public init(
    ttftMS: Double? = nil, tpotMS: Double? = nil, e2eMS: Double? = nil, throughput: Double? = nil,
    memoryBytes: Int? = nil, joulesPerToken: Double? = nil, costPerMillionTokens: Double? = nil
  ) {
    self.ttftMS = ttftMS
    self.tpotMS = tpotMS
    self.e2eMS = e2eMS
    self.throughput = throughput
    self.memoryBytes = memoryBytes
    self.joulesPerToken = joulesPerToken
    self.costPerMillionTokens = costPerMillionTokens
  }

  /// The figure an objective is judged by; nil where it is not foreseen.
  public func value(_ objective: Objective) -> Double? {
    switch objective {
    case .ttft: ttftMS
    case .tpot: tpotMS
    case .e2e: e2eMS
    case .throughput, .goodput: throughput
    case .cost: costPerMillionTokens
    case .energy: joulesPerToken
    }
  }
}

/// Where each figure of `PredictedMetrics` lies with 90% probability, in the figure's own unit. Nil where nobody can say.
public struct PredictedIntervals: Hashable, Codable, Sendable {
  public var ttftMS: ClosedRange<Double>?
  public var tpotMS: ClosedRange<Double>?
  public var e2eMS: ClosedRange<Double>?
  public var throughput: ClosedRange<Double>?
  public var memoryBytes: ClosedRange<Double>?
  public var joulesPerToken: ClosedRange<Double>?
  public var costPerMillionTokens: ClosedRange<Double>?

  public init(
    ttftMS: ClosedRange<Double>? = nil, tpotMS: ClosedRange<Double>? = nil, e2eMS: ClosedRange<Double>? = nil,
    throughput: ClosedRange<Double>? = nil, memoryBytes: ClosedRange<Double>? = nil,
    joulesPerToken: ClosedRange<Double>? = nil, costPerMillionTokens: ClosedRange<Double>? = nil
  ) {
    self.ttftMS = ttftMS
    self.tpotMS = tpotMS
    self.e2eMS = e2eMS
    self.throughput = throughput
    self.memoryBytes = memoryBytes
    self.joulesPerToken = joulesPerToken
    self.costPerMillionTokens = costPerMillionTokens
  }
}

/// One candidate with what is known of it, best first in a recommendation.
public struct RankedCandidate: Hashable, Codable, Sendable {
  public var candidate: Candidate
  public var worker: WorkerName
  public var predicted: PredictedMetrics
  public var intervals: PredictedIntervals
  /// Where the objective's value lies with 90% probability, in the objective's own unit; nil when unknown.
  public var interval: ClosedRange<Double>?
  /// Predicted speed-up over the engine's default on the same worker: > 1 is better, whatever the objective.
  public var speedup: Double?
  /// Where the speed-up lies with 90% probability.
  public var speedupInterval: ClosedRange<Double>?
  /// Stored measurements of exactly this model, hardware, workload shape and configuration.
  public var evidenceCount: Int
  /// Why it stands where it stands, in words.
  public var reasons: [String]
  /// How far its output is from the default's, as measured for this model wherever it ran; nil when it was not.
  public var quality: QualityLoss?

  public init(
    candidate: Candidate, worker: WorkerName, predicted: PredictedMetrics = PredictedMetrics(),
    intervals: PredictedIntervals = PredictedIntervals(), interval: ClosedRange<Double>? = nil, speedup: Double? = nil,
    speedupInterval: ClosedRange<Double>? = nil,
    evidenceCount: Int = 0, reasons: [String] = [], quality: QualityLoss? = nil
  ) {
    self.candidate = candidate
    self.worker = worker
    self.predicted = predicted
    self.intervals = intervals
    self.interval = interval
    self.speedup = speedup
    self.speedupInterval = speedupInterval
    self.evidenceCount = evidenceCount
    self.reasons = reasons
    self.quality = quality
  }
}

/// What to measure before a choice can be trusted.
public struct MeasurementPlan: Hashable, Codable, Sendable {
  /// Places in `Recommendation.candidates`, the one most likely to be the best first.
  public var candidates: [Int]
  /// How long it takes to measure them in turns with the engine's default; nil when no trial was ever timed.
  public var seconds: Double?

  public init(candidates: [Int], seconds: Double? = nil) {
    self.candidates = candidates
    self.seconds = seconds
  }
}

/// The answer to "which strategy for this task, on which node?"
public struct Recommendation: Hashable, Codable, Sendable {
  public enum Decision: String, Codable, Sendable {
    /// The first candidate is worth using.
    case use
    /// Too little is known: measure the first candidates, and use the default until then.
    case measureFirst = "measure_first"
    /// Nothing beats the engine's default.
    case `default`
  }

  public var decision: Decision
  /// Applicable ones, best first; then the refused ones with their reasons.
  public var candidates: [RankedCandidate]
  /// What decided, in words.
  public var reasons: [String]
  /// How probable it is that `choice` costs at most 5% more than the best candidate would, 0...1; nil when nothing can
  /// run.
  public var confidence: Double?
  /// Nil when the choice is sure enough.
  public var measureNext: MeasurementPlan?
  /// Only where it was asked for.
  public var explanation: Explanation?

  /// What to run now: the first candidate when it is worth using, else the engine's default where that is foreseen to
  /// do best. Nil when nothing can run.
  public var choice: RankedCandidate? {
    let applicable = candidates.filter(\.candidate.isApplicable)
    let fallback = decision == .use ? nil : applicable.first { $0.candidate.configuration.isDefault }
    return fallback ?? applicable.first
  }

  /// Why nothing can run, where it is so: of the engine's default, or else of what would not change the output. Nil without
  /// a candidate that is refused.
  public var refusal: String? {
    let exact = candidates.filter { $0.candidate.fidelity == .exact }
    return (exact.filter(\.candidate.configuration.isDefault) + exact + candidates)
      .compactMap(\.candidate.refusedReason).first
  }

  public init(
    decision: Decision, candidates: [RankedCandidate], reasons: [String] = [], confidence: Double? = nil,
    measureNext: MeasurementPlan? = nil, explanation: Explanation? = nil
  ) {
    self.decision = decision
    self.candidates = candidates
    self.reasons = reasons
    self.confidence = confidence
    self.measureNext = measureNext
    self.explanation = explanation
  }
}
