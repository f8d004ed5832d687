/// Mean and spread of logarithms seen so far, one lane for each metric (Welford's running moments). No sample is kept.
struct RunningMoments: Sendable {
  private(set) var mean = SIMD8<Float>(repeating: .nan)
  /// Sum of squared distances from the mean.
  private(set) var squares = SIMD8<Float>.zero
  /// How often each lane was known: energy is missing from jobs and from blocks measured before there was a counter.
  private var laneCounts = SIMD8<Float>.zero
  private(set) var count: Int32 = 0

  /// How often a metric was known.
  func count(_ metric: CostMetric) -> Int { Int(laneCounts[metric.rawValue]) }

  /// A lane that is NaN is left as it was.
  ///
  /// - Returns: by how much the squares grew, for pooling the noise of many cells; NaN where nothing was known before,
  ///   or is not now.
  @discardableResult
  mutating func add(_ value: SIMD8<Float>) -> SIMD8<Float> {
    count += 1
    let isNew = mean .!= mean
    let start = mean.replacing(with: value, where: isNew)
    let delta = value - start
    let known = value .== value
    laneCounts += SIMD8<Float>.zero.replacing(with: 1, where: known)
    let next = start + delta / laneCounts
    let growth = delta * (value - next)
    mean = next.replacing(with: mean, where: .!known)
    squares += growth.replacing(with: 0, where: .!known)
    return growth.replacing(with: .nan, where: isNew .| .!known)
  }
}

/// Everything seen of one configuration in one context.
struct EvidenceCell: Sendable {
  /// Logarithm of each cost.
  var level = RunningMoments()
  /// Blocks whose configuration failed: out of memory, out of time, broken engine.
  var failures: Int32 = 0
  /// Where the paired ratios are, or -1: most cells (jobs) have none.
  var pairs: Int32 = -1
}
