import Serving

/// A candidate on its way into a recommendation.
struct RankingEntry {
  /// Which set, which of its candidates, and its row in the set's table; -1 when it was refused before.
  let set: Int
  let candidate: Int
  let row: Int
  /// Nil for one that was refused before it was judged.
  var posterior: Posterior?
  /// Cost of the default on the same worker; nil when the default cannot run there.
  var baseline: LogEstimate?
  /// Whether measurements stand behind it.
  var isInformed = false
  var refusedReason: String?
  /// How the objective reads its costs.
  var scale: ObjectiveScale?

  var isBaseline: Bool { row == 0 }

  /// Whether it is better than the default beyond doubt: a gain is claimed when its 90% interval lies above 1.
  var isProven: Bool {
    guard !isBaseline, isInformed, let posterior else { return false }
    return posterior.ratio.interval.upperBound < 0
  }

  /// What it is expected to cost.
  var expectedCost: Double { (posterior?.cost.mean ?? .infinity) + offset }

  private var offset: Double { scale?.offset ?? 0 }
  var isComparable: Bool { scale?.incomparable == nil }

  /// What it is ranked by where somebody depends on it: as expected when its gain is proven, and never before the
  /// default when it is not.
  var cautiousCost: Double {
    guard let baseline, !isProven, !isBaseline else { return expectedCost }
    return max(expectedCost, baseline.mean + offset)
  }

  private var tier: Int { isProven ? 0 : isBaseline ? 1 : 2 }

  /// By figures alone: equal ones go before in neither direction.
  ///
  /// - Parameter isCautious: false to rank by expectation alone, for what to measure.
  func goesBefore(_ other: RankingEntry, isCautious: Bool) -> Bool {
    if isComparable != other.isComparable { return isComparable }
    if isCautious {
      if cautiousCost != other.cautiousCost { return cautiousCost < other.cautiousCost }
      if tier != other.tier { return tier < other.tier }
    }
    return expectedCost < other.expectedCost
  }
}
