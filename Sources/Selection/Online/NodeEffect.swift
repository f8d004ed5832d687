/// How far a selector's forecasts are off on one node, from the last jobs there: a random effect of the node, shrunk to
/// none (Henderson's mixed model; Robinson: That BLUP is a good thing, Statistical Science 1991).
///
/// Intuition: a forecast of a duration errs partly because of the node (its clock, its neighbours, what the trees never
/// saw) and partly because of the context. The first part is the same in all contexts of the node, so three jobs of one
/// kind tell something about all others.
enum NodeEffect {
  /// Part of a level's variance that is the node's. Chosen: machines differ more than workloads do once the roofline
  /// has taken out the lengths.
  static let share = 0.7
  /// Spread of jobs that are repeated.
  static let noise = 0.2

  /// What is believed of a default's cost after some residuals: logarithms of measured over foreseen costs.
  static func condition(_ level: LogEstimate, residuals: [Double]) -> LogEstimate {
    guard !residuals.isEmpty, level.variance > 0 else { return level }
    let ofNode = share * level.variance
    let ofContext = level.variance - ofNode
    let sorted = residuals.sorted()
    // The median, so that one absurd job is outvoted; it needs half as many again for the same certainty.
    let median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    let each = (ofContext + noise * noise) * (sorted.count > 2 ? .pi / 2 : 1)
    let effect = Posterior.combined(
      LogEstimate(mean: 0, variance: ofNode),
      LogEstimate(mean: median, variance: each / Double(sorted.count)))
    return LogEstimate(mean: level.mean + effect.mean, variance: ofContext + effect.variance)
  }
}
