import Glibc

/// What measured configurations say of their relatives: a Gaussian process over knobs (Rasmussen and Williams, Gaussian
/// Processes for Machine Learning, 2006, chapter 2) with the kernel of `KnobKernel`.
///
/// Intuition: the logarithm of a speed-up is about the sum of what each setting gives. When one thread and eight slots
/// each helped, both together are worth a look before anything else; when a long draft hurt, so will one a little
/// shorter. The sum is only a start: pairs of settings may help or hurt each other, and every configuration has
/// something of its own. The default's logarithm is 0 by definition.
struct KnobEffects: Sendable {
  /// What was measured of one configuration.
  struct Observation: Sendable {
    var place: Int
    /// `KnobKernel.row` of the place.
    var row: [Double]
    /// Mean of the logarithms, and its variance.
    var mean: Double
    var variance: Double
  }

  private(set) var means: [Double]
  private(set) var variances: [Double]
  private let kernel: KnobKernel
  /// For each value that was taken in, its covariance with every configuration given all before it, over its own
  /// deviation: one row of a Cholesky factor.
  private var projections: [[Double]] = []

  init(_ kernel: KnobKernel, observations: [Observation]) {
    self.kernel = kernel
    means = kernel.means
    variances = (0..<kernel.count).map { kernel.covariance($0, $0) }
    for observation in observations { condition(on: observation) }
  }

  /// Takes the belief of a configuration for measured, so that the next choice looks elsewhere.
  mutating func believe(_ place: Int, noise: Double) {
    condition(on: Observation(place: place, row: kernel.row(place), mean: means[place], variance: noise))
  }

  /// What is to be gained over `best`, on average, by a configuration whose value turns out as believed (expected
  /// improvement; Mockus 1975, Jones et al. 1998).
  func expectedGain(_ place: Int, over best: Double) -> Double {
    let deviation = max(1e-9, variances[place].squareRoot())
    let distance = (means[place] - best) / deviation
    let density = exp(-distance * distance / 2) / (2 * Double.pi).squareRoot()
    return deviation * (distance * erfc(-distance / 2.0.squareRoot()) / 2 + density)
  }

  private mutating func condition(on observation: Observation) {
    let place = observation.place
    // The covariance of the value with everything, given all before it.
    var row = observation.row
    for projection in projections {
      let weight = projection[place]
      if weight == 0 { continue }
      for other in row.indices { row[other] -= weight * projection[other] }
    }
    let spread = row[place] + max(observation.variance, 1e-8)
    let root = spread.squareRoot()
    let surprise = (observation.mean - means[place]) / spread
    for other in row.indices {
      means[other] += row[other] * surprise
      variances[other] = max(0, variances[other] - row[other] * row[other] / spread)
      row[other] /= root
    }
    projections.append(row)
  }
}
