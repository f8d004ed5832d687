import Foundation

extension BayesianLinearModel {
  /// A draw of the logarithm of a cost from what the model believes; with a cutoff, the expected logarithm of the
  /// penalised cost at that draw. Only the projection of the drawn weights on the features is needed, which is drawn
  /// directly.
  ///
  /// - Parameter sigma: deviation of the noise.
  func drawnLog(
    _ features: [Double], _ cost: BanditCost, sigma: Double, _ random: inout RandomSource
  ) -> Double {
    let (mean, variance) = predict(features)
    let drawn = mean + (sigma * variance).squareRoot() * random.normal()
    guard case .runTime(let cutoff, let penalty) = cost else { return drawn }
    let spread = max(sigma * sigma * variance, 1e-12).squareRoot()
    let finishes = Self.cumulative((log(cutoff) - drawn) / spread)
    return finishes * min(drawn, log(cutoff)) + (1 - finishes) * log(penalty * cutoff)
  }

  private static func cumulative(_ value: Double) -> Double { 0.5 * erfc(-value / 2.0.squareRoot()) }
}
