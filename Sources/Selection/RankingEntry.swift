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

  /// What it is ranked by.
  ///
  /// - Parameter isCautious: false to rank by expectation alone, for what to measure.
  func key(isCautious: Bool) -> RankingKey {
    RankingKey(
      isIncomparable: !isComparable, cautiousCost: isCautious ? cautiousCost : 0,
      tier: !isCautious ? 0 : isProven ? 0 : isBaseline ? 1 : 2, expectedCost: expectedCost)
  }
}

/// The figures an entry is ranked by, lower ones first; entries with equal figures tie.
struct RankingKey: Comparable {
  let isIncomparable: Bool
  let cautiousCost: Double
  let tier: Int
  let expectedCost: Double

  static func < (left: RankingKey, right: RankingKey) -> Bool {
    if left.isIncomparable != right.isIncomparable { return right.isIncomparable }
    if left.cautiousCost != right.cautiousCost { return left.cautiousCost < right.cautiousCost }
    if left.tier != right.tier { return left.tier < right.tier }
    return left.expectedCost < right.expectedCost
  }
}
