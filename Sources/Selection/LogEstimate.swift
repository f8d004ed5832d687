import Glibc

/// A normal distribution of a logarithm: what is believed of a cost, or of the ratio of two.
public struct LogEstimate: Hashable, Sendable {
  public var mean: Double
  /// 0 is certainty.
  public var variance: Double

  public init(mean: Double, variance: Double) {
    precondition(variance >= 0, "a variance of \(variance)")
    self.mean = mean
    self.variance = variance
  }

  public static let zero = LogEstimate(mean: 0, variance: 0)

  /// The normal distribution's 95% point: a tenth lies outside of plus and minus this many deviations.
  public static let quantile95 = 1.644_854

  /// Where the logarithm lies with 90% probability.
  public var interval: ClosedRange<Double> {
    let half = Self.quantile95 * variance.squareRoot()
    return mean - half...mean + half
  }
}

extension LogEstimate {
  /// What failing now and then adds to the logarithm of a cost, a failure counting ten times the cost.
  static func penalty(failureShare: Double) -> Double { log(1 + 9 * failureShare) }
}
