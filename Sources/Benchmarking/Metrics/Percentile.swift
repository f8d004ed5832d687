public import Serving

/// Percentiles by the nearest rank (Hyndman and Fan: Sample quantiles in statistical packages, 1996, definition 1):
/// the p-th percentile of n values is the value of rank ceil(p/100 * n), counted from 1.
///
/// It is always a value that was measured. Of few values the high percentiles are the largest one: `SampleWarnings`
/// says so instead of making up values between.
public enum Percentile {
  /// - Parameters:
  ///   - percentile: 0 < percentile <= 100.
  ///   - sorted: ascending, not empty.
  public static func nearestRank(_ percentile: Double, ofSorted sorted: [Double]) -> Double {
    precondition(percentile > 0 && percentile <= 100, "no percentile \(percentile)")
    precondition(!sorted.isEmpty, "no percentile of nothing")
    // A product like 0.9 * 10 may come out a hair above 9, which would be the next rank.
    let rank = (percentile * Double(sorted.count) / 100 - 1e-9).rounded(.up)
    return sorted[min(sorted.count, max(1, Int(rank))) - 1]
  }

  /// The middle value, or the mean of the two in the middle.
  public static func median(_ values: [Double]) -> Double {
    precondition(!values.isEmpty, "no median of nothing")
    let sorted = values.sorted()
    let upper = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[upper] : (sorted[upper - 1] + sorted[upper]) / 2
  }
}

extension LatencySummary {
  /// Mean and percentiles of latencies in seconds; all 0 when there are none.
  public init(seconds: [Double]) {
    guard !seconds.isEmpty else {
      self.init(meanMS: 0, p50MS: 0, p90MS: 0, p99MS: 0)
      return
    }
    let sorted = seconds.sorted()
    self.init(
      meanMS: 1000 * sorted.reduce(0, +) / Double(sorted.count),
      p50MS: 1000 * Percentile.nearestRank(50, ofSorted: sorted),
      p90MS: 1000 * Percentile.nearestRank(90, ofSorted: sorted),
      p99MS: 1000 * Percentile.nearestRank(99, ofSorted: sorted))
  }
}
