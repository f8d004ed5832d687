/// What the index holds of one configuration in one context.
struct DirectEvidence: Sendable {
  /// Completed measurements of exactly this context.
  var count = 0
  var failures = 0
  /// Rounds in which it ran in turns with the default, here or (when `isNear`) in a similar shape.
  var pairCount = 0
  var isNear = false
  fileprivate var level: RunningMoments?
  fileprivate var pairs: RunningMoments?

  /// What stays uncertain however often a context is measured: the machine's drift between hours for a duration, other
  /// prompts for a ratio, other lengths for a ratio that comes from a similar shape.
  private static let levelFloor = 0.08
  private static let ratioFloor = 0.02
  private static let nearFloor = 0.10

  /// Logarithm of the cost itself.
  func level(_ metric: CostMetric, in index: EvidenceIndex) -> LogEstimate? {
    Self.estimate(level, metric, index.levelNoise, floor: Self.levelFloor)
  }

  /// Logarithm of the cost over the default's.
  func ratio(_ metric: CostMetric, in index: EvidenceIndex) -> LogEstimate? {
    Self.estimate(pairs, metric, index.pairNoise, floor: isNear ? Self.nearFloor : Self.ratioFloor)
  }

  private static func estimate(
    _ moments: RunningMoments?, _ metric: CostMetric, _ noise: PooledNoise, floor: Double
  ) -> LogEstimate? {
    guard let moments, moments.count > 0 else { return nil }
    let mean = Double(moments.mean[metric.rawValue])
    guard !mean.isNaN else { return nil }
    return LogEstimate(mean: mean, variance: noise.varianceOfMean(moments, metric) + floor * floor)
  }
}

extension EvidenceIndex {
  func evidence(_ context: Context, _ configuration: Int32?) -> DirectEvidence {
    var evidence = DirectEvidence()
    guard let configuration else { return evidence }
    if let place = context.exact, let cell = exact.cell(place, configuration) {
      evidence.count = Int(cell.level.count)
      evidence.failures = Int(cell.failures)
      if cell.level.count > 0 { evidence.level = cell.level }
      evidence.pairs = exact.pairs(cell)
    }
    if evidence.pairs == nil, let place = context.near, let cell = near.cell(place, configuration) {
      evidence.pairs = near.pairs(cell)
      evidence.isNear = evidence.pairs != nil
    }
    evidence.pairCount = evidence.pairs.map { Int($0.count) } ?? 0
    return evidence
  }
}
