/// Linear regression with a normal prior on its weights, updated one observation at a time.
///
/// Keeps the inverse of the regularised Gram matrix (Sherman and Morrison), so that an update and a prediction are
/// quadratic in the number of features.
struct BayesianLinearModel: Sendable {
  private(set) var count = 0
  private let width: Int
  /// `covariance[row * width + column]`, symmetric, without the noise's variance.
  private var covariance: [Double]
  private var moments: [Double]
  private var weights: [Double]

  /// - Parameter precision: of the prior of each weight, above zero.
  init(width: Int, precision: Double) {
    self.width = width
    covariance = [Double](repeating: 0, count: width * width)
    for place in 0..<width { covariance[place * width + place] = 1 / precision }
    moments = [Double](repeating: 0, count: width)
    weights = moments
  }

  /// Mean of the prediction, and its variance in units of the noise's.
  func predict(_ features: [Double]) -> (mean: Double, variance: Double) {
    let image = self.image(features)
    return (Self.dot(features, weights), max(Self.dot(features, image), 0))
  }

  mutating func update(_ features: [Double], _ target: Double) {
    let image = self.image(features)
    let scale = 1 / (1 + Self.dot(features, image))
    for row in 0..<width {
      let factor = scale * image[row]
      for column in 0..<width { covariance[row * width + column] -= factor * image[column] }
    }
    for place in 0..<width { moments[place] += target * features[place] }
    weights = self.image(moments)
    count += 1
  }

  private func image(_ vector: [Double]) -> [Double] {
    precondition(vector.count == width, "\(vector.count) features for a model of \(width)")
    return covariance.withUnsafeBufferPointer { covariance in
      vector.withUnsafeBufferPointer { vector in
        (0..<width).map { row in
          var sum = 0.0
          for column in 0..<width { sum += covariance[row * width + column] * vector[column] }
          return sum
        }
      }
    }
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for place in a.indices { sum += a[place] * b[place] }
    return sum
  }
}
