/// The spread of repeated measurements, pooled over all cells: two repeats that happen to agree say little about the
/// noise, thousands of cells say a lot.
struct PooledNoise: Sendable {
  private var squares = SIMD8<Double>.zero
  private var degrees = SIMD8<Double>.zero
  /// Before anything was seen, and for how many repeats that counts.
  let priorVariance: Double
  static let priorDegrees = 10.0
  /// What the pool counts for against the repeats of one cell.
  static let poolDegrees = 4.0

  init(priorDeviation: Double) { priorVariance = priorDeviation * priorDeviation }

  /// - Parameter growth: of a cell's squares, as `RunningMoments.add` says.
  mutating func add(_ growth: SIMD8<Float>) {
    let growth = SIMD8<Double>(growth)
    let isKnown = growth .== growth
    squares += growth.replacing(with: 0, where: .!isKnown)
    degrees += SIMD8<Double>.zero.replacing(with: 1, where: isKnown)
  }

  /// Variance of one measurement.
  func variance(_ metric: CostMetric) -> Double {
    (Self.priorDegrees * priorVariance + squares[metric.rawValue]) / (Self.priorDegrees + degrees[metric.rawValue])
  }

  /// Variance of a cell's mean: its own spread, moderated by the pool's (Smyth 2004).
  func varianceOfMean(_ moments: RunningMoments, _ metric: CostMetric) -> Double {
    let count = Double(max(1, moments.count(metric)))
    let own = count - 1
    let each =
      (Self.poolDegrees * variance(metric) + Double(moments.squares[metric.rawValue]))
      / (Self.poolDegrees + own)
    return each / count
  }
}
