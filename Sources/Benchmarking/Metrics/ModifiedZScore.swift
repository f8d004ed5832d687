/// How far values lie from the median, in a measure that outliers themselves cannot stretch.
///
/// Iglewicz and Hoaglin: How to detect and handle outliers, ASQC, 1993. The score of x is 0.6745 (x - median) / MAD,
/// where MAD is the median absolute deviation; values with a score beyond 3.5 are taken for outliers. When more than
/// half of the values are equal MAD is 0, and the mean absolute deviation times 1.2533 stands for MAD / 0.6745.
public enum ModifiedZScore {
  /// Beyond this a value is an outlier.
  public static let threshold = 3.5

  /// The score of each value; all 0 when all values are equal.
  public static func scores(of values: [Double]) -> [Double] {
    guard !values.isEmpty else { return [] }
    let median = Percentile.median(values)
    let deviations = values.map { abs($0 - median) }
    let medianDeviation = Percentile.median(deviations)
    let meanDeviation = deviations.reduce(0, +) / Double(deviations.count)
    let scale = medianDeviation > 0 ? medianDeviation / 0.6745 : 1.253314 * meanDeviation
    return values.map { scale > 0 ? ($0 - median) / scale : 0 }
  }
}
