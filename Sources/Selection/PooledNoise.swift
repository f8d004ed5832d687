/// The spread of repeated measurements, pooled over all cells: two repeats that happen to agree say little about the
/// noise, thousands of cells say a lot.
struct PooledNoise: Sendable {
  private var squares = SIMD8<Double>.zero
  private var degrees = 0.0
  /// Before anything was seen, and for how many repeats that counts.
  let priorVariance: Double
  static let priorDegrees = 10.0
  /// What the pool counts for against the repeats of one cell.
  static let poolDegrees = 4.0

  init(priorDeviation: Double) { priorVariance = priorDeviation * priorDeviation }

  /// - Parameter growth: of a cell's squares, as `RunningMoments.add` says; the first value of a cell adds nothing.
  mutating func add(_ growth: SIMD8<Float>, isFirst: Bool) {
    guard !isFirst else { return }
    squares += SIMD8<Double>(growth)
    degrees += 1
  }

  /// Variance of one measurement.
  func variance(_ metric: CostMetric) -> Double {
    (Self.priorDegrees * priorVariance + squares[metric.rawValue]) / (Self.priorDegrees + degrees)
  }

  /// Variance of a cell's mean: its own spread, moderated by the pool's (Smyth 2004).
  func varianceOfMean(_ moments: RunningMoments, _ metric: CostMetric) -> Double {
    let own = Double(moments.count - 1)
    let each =
      (Self.poolDegrees * variance(metric) + Double(moments.squares[metric.rawValue]))
      / (Self.poolDegrees + own)
    return each / Double(moments.count)
  }
}
