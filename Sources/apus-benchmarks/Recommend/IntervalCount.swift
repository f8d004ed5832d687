import Glibc
import Selection
import Serving

/// How often what was measured lies within the interval that was given for it.
struct IntervalCount {
  private var inside = 0
  private(set) var total = 0
  /// Sum of the logarithms of upper over lower end.
  private var widths = 0.0

  var share: Double { Double(inside) / Double(max(1, total)) }
  /// An interval goes, on geometric average, from the prediction divided by this to the prediction times this.
  var factor: Double { exp(widths / Double(max(1, total)) / 2) }

  init() {}

  /// All of several.
  init(_ parts: [IntervalCount]) {
    for part in parts {
      inside += part.inside
      total += part.total
      widths += part.widths
    }
  }

  /// The standard error of the mean share, each part weighing the same; nil for a single part.
  static func errorOfShare(_ parts: [IntervalCount]) -> Double? {
    guard parts.count > 1 else { return nil }
    let count = Double(parts.count)
    let mean = parts.reduce(0) { $0 + $1.share } / count
    let squares = parts.reduce(0) { $0 + ($1.share - mean) * ($1.share - mean) }
    return (squares / (count - 1) / count).squareRoot()
  }

  mutating func add(_ measured: Double, _ interval: ClosedRange<Double>) {
    total += 1
    if interval.contains(measured) { inside += 1 }
    widths += log(interval.upperBound / interval.lowerBound)
  }
}

/// Figures of a recommendation that have intervals.
enum IntervalMetric: String, CaseIterable {
  case ttft, tpot, e2e, throughput, memory, energy

  func interval(_ intervals: PredictedIntervals) -> ClosedRange<Double>? {
    switch self {
    case .ttft: intervals.ttftMS
    case .tpot: intervals.tpotMS
    case .e2e: intervals.e2eMS
    case .throughput: intervals.throughput
    case .memory: intervals.memoryBytes
    case .energy: intervals.joulesPerToken
    }
  }

  func measured(_ metrics: Metrics) -> Double? {
    switch self {
    case .ttft: metrics.ttft.meanMS
    case .tpot: metrics.tpot.meanMS
    case .e2e: metrics.e2e.meanMS
    case .throughput: metrics.throughput
    case .memory: metrics.peakMemoryBytes.map { Double($0) }
    case .energy: metrics.joulesPerToken
    }
  }
}

/// How often a choice was as good as foreseen.
struct ChoiceCount {
  private(set) var count = 0
  /// Sum of the probabilities that the choice is within 5% of the best.
  private var foreseen = 0.0
  private var kept = 0

  init() {}

  init(_ parts: [ChoiceCount]) {
    for part in parts {
      count += part.count
      foreseen += part.foreseen
      kept += part.kept
    }
  }

  var foreseenShare: Double { foreseen / Double(max(1, count)) }
  var keptShare: Double { Double(kept) / Double(max(1, count)) }

  mutating func add(foreseen probability: Double, isKept: Bool) {
    count += 1
    foreseen += probability
    if isKept { kept += 1 }
  }
}

/// Asks a recommender for contexts and compares its intervals with what was measured there, the geometric mean of a
/// configuration's blocks.
struct IntervalCheck {
  private(set) var counts: [IntervalMetric: IntervalCount] = [:]
  /// Of choices within 5% of the best.
  private(set) var choices = ChoiceCount()

  private struct Key: Hashable {
    var model: ModelID
    var hardware: String
    var shape: String
    var engine: EngineName
  }

  mutating func add(_ recommender: Recommender, _ heldOut: [Measurement], models: [ModelProfile]) {
    let contexts = Dictionary(grouping: heldOut) {
      Key(
        model: $0.model.id, hardware: $0.hardware.fingerprint, shape: $0.workload.shape,
        engine: $0.configuration.engine)
    }
    for blocks in contexts.values {
      let first = blocks[0]
      let measured = Dictionary(grouping: blocks, by: \.configuration)
      let set = CandidateSet(
        worker: first.worker, hardware: first.hardware, model: first.model, available: models,
        workload: first.workload,
        candidates: measured.keys.map { Candidate(configuration: $0, fidelity: .exact) },
        // Where no memory was measured, none is to be foreseen either.
        isAttached: first.outcome.metrics?.peakMemoryBytes == nil)
      let answer = recommender.recommend(
        [set], objective: .e2e, limits: Limits(allowsApproximate: true), inFull: true)
      let costs = measured.mapValues { blocks in
        blocks.reduce(0) { $0 + log($1.outcome.metrics?.e2e.meanMS ?? .infinity) } / Double(blocks.count)
      }
      if let confidence = answer.confidence, let choice = answer.choice, let best = costs.values.min() {
        choices.add(
          foreseen: confidence, isKept: costs[choice.candidate.configuration]! <= best + log(1.05))
      }
      for ranked in answer.candidates {
        guard let blocks = measured[ranked.candidate.configuration] else { continue }
        for metric in IntervalMetric.allCases {
          let values = blocks.compactMap { $0.outcome.metrics.flatMap(metric.measured) }
          guard let interval = metric.interval(ranked.intervals), !values.isEmpty else { continue }
          counts[metric, default: IntervalCount()].add(
            exp(values.reduce(0) { $0 + log($1) } / Double(values.count)), interval)
        }
      }
    }
  }
}
