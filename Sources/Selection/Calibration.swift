/// Turns errors on unseen rows into the width of an interval.
enum Calibration {
  /// The deviation for which plus and minus 1.645 of it hold 90% of the errors (split conformal prediction: Vovk,
  /// Gammerman, Shafer 2005; Lei et al., JASA 2018). Too few errors widen it, as they may have been lucky.
  ///
  /// - Parameter groupCount: how many independent groups the errors come from.
  /// - Returns: nil without errors.
  static func deviation(_ residuals: [Double], groupCount: Int) -> Double? {
    guard !residuals.isEmpty else { return nil }
    let sorted = residuals.map(abs).sorted()
    let place = (Double(sorted.count + 1) * 0.9).rounded(.up)
    let quantile = sorted[min(sorted.count, Int(place)) - 1]
    let lucky = 1 + 1 / Double(max(1, groupCount))
    return max(least, quantile / LogEstimate.quantile95 * lucky)
  }

  /// No forest is trusted to better than this.
  static let least = 0.02

  /// Deviations when there is nothing to calibrate on: a factor of 1.6 for a level, a quarter for a ratio, and twice as
  /// much for models or hardware never seen.
  static let unknownLevel = 0.5
  static let unknownRatio = 0.25
  static let farFactor = 2.0
}
