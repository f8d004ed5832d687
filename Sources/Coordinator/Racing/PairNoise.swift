import Serving

/// The spread of one paired ratio, pooled over all configurations of a race: two pairs that happen to agree say little
/// about the noise, those of a whole field say a lot.
///
/// Before repeats are there the spread is what `PairedRatios` expects beforehand: more on a busy machine.
struct PairNoise: Sendable {
  /// How many degrees of freedom the expectation counts for.
  static let expectedDegrees = 6.0

  private var squares = 0.0
  private var degrees = 0.0
  private var expected = 0.0
  private var pairCount = 0.0

  mutating func add(_ ratios: PairedRatios) {
    guard let mean = ratios.meanLogSpeedup else { return }
    squares += ratios.logSpeedups.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    degrees += Double(ratios.count - 1)
    expected += Double(ratios.count) * ratios.expectedVariance
    pairCount += Double(ratios.count)
  }

  /// Variance of the logarithm of one paired ratio.
  var variance: Double {
    let before = pairCount > 0 ? expected / pairCount : PairedRatios.priorDeviation * PairedRatios.priorDeviation
    return (Self.expectedDegrees * before + squares) / (Self.expectedDegrees + degrees)
  }
}
