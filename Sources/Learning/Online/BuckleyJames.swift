/// Stands in for costs that were cut off (Buckley and James: Linear regression with censored data, Biometrika 1979): where
/// it is only known that a value is above some bound, it is taken as its expectation given that, under the distribution
/// of the others' distances from what was foreseen of them.
///
/// That distribution is Kaplan and Meier's (1958), which uses the censored ones too: nothing is assumed of its shape. Its
/// largest value counts as seen whether it was or not (Efron, 1967), so that all of it lies somewhere.
struct BuckleyJames: Sendable {
  /// One value, on the scale of the regression.
  struct Observation: Hashable, Sendable {
    /// By the regression.
    var foreseen: Double
    /// What was seen: the value, or what it is above.
    var seen: Double
    var isCensored: Bool

    /// Distance from what was foreseen.
    var residual: Double { seen - foreseen }
  }

  /// Residuals that were seen, ascending, with their probabilities.
  private let steps: [(residual: Double, mass: Double)]

  init(_ observations: [Observation]) {
    // At the same residual the censored ones are above it.
    let sorted = observations.sorted { ($0.residual, $0.isCensored ? 1 : 0) < ($1.residual, $1.isCensored ? 1 : 0) }
    var steps: [(residual: Double, mass: Double)] = []
    var left = 1.0
    for (place, observation) in sorted.enumerated() {
      let isLast = place == sorted.count - 1
      guard !observation.isCensored || isLast else { continue }
      let mass = isLast ? left : left / Double(sorted.count - place)
      left -= mass
      steps.append((observation.residual, mass))
    }
    self.steps = steps
  }

  /// What to regress on in place of an observation: itself if it was seen. A bound that nothing lies above stays.
  func value(_ observation: Observation) -> Double {
    guard observation.isCensored else { return observation.seen }
    var (sum, mass) = (0.0, 0.0)
    for step in steps where step.residual > observation.residual {
      sum += step.mass * step.residual
      mass += step.mass
    }
    return mass > 0 ? observation.foreseen + sum / mass : observation.seen
  }
}
