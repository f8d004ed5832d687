import Glibc
import Serving

/// How an objective reads what is foreseen for one node: by which metric, and for money with which price.
struct ObjectiveScale {
  let metric: CostMetric
  /// Added to the logarithm of the metric's cost to compare nodes: the price of a node's time, 0 for everything else.
  let offset: Double
  /// Why this node cannot be compared with others by this objective; nil when it can. It then comes after all that can:
  /// what nobody knows is not free.
  let incomparable: String?
  private let isMoney: Bool

  /// - Parameter hasEnergyEvidence: whether energy was ever measured on hardware like this node's.
  init(_ objective: Objective, _ set: CandidateSet, hasEnergyEvidence: Bool) {
    metric = CostMetric(objective)
    isMoney = objective == .cost
    switch objective {
    case .cost:
      // Price of a million tokens from seconds for one: the metric is seconds for each output token.
      offset = set.pricePerHour.map { log($0 / 3600 * 1e6) } ?? 0
      incomparable =
        set.pricePerHour == nil
        ? "\(set.worker) has no price (price_per_hour in its configuration), so its cost is not known" : nil
    case .energy:
      offset = 0
      incomparable =
        hasEnergyEvidence ? nil : "energy was never measured on hardware like that of \(set.worker)"
    case .ttft, .tpot, .e2e, .throughput, .goodput:
      offset = 0
      incomparable = nil
    }
  }

  /// Interval of the objective's value, in its own unit, from one of the logarithm of the metric's cost; nil where the
  /// objective has no value here.
  func interval(_ logCost: ClosedRange<Double>) -> ClosedRange<Double>? {
    guard incomparable == nil else { return nil }
    guard isMoney else { return metric.interval(logCost: logCost) }
    return exp(logCost.lowerBound + offset)...exp(logCost.upperBound + offset)
  }
}

extension PredictedMetrics {
  /// Price of a million output tokens, for a node with a price whose throughput is foreseen.
  mutating func setCost(pricePerHour: Double?) {
    guard let pricePerHour, let throughput, throughput > 0 else { return }
    costPerMillionTokens = pricePerHour / 3600 / throughput * 1e6
  }
}

extension PredictedIntervals {
  /// The same for the price.
  mutating func setCost(pricePerHour: Double?) {
    guard let pricePerHour, let throughput, throughput.lowerBound > 0 else { return }
    let price = pricePerHour / 3600 * 1e6
    costPerMillionTokens = price / throughput.upperBound...price / throughput.lowerBound
  }
}
