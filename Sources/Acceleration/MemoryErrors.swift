import Glibc
import Serving

/// How far estimates of one kind of memory were off so far, by engine and loaded model.
///
/// Errors are ratios, kept as logarithms: mean and spread for each engine with each model, and for each engine over all
/// models. A pair with few measurements is drawn to its engine, an engine with few to no error at all. Older ones fade,
/// as a newer version of an engine, or of the estimate, has other errors.
struct MemoryErrors: Hashable, Codable, Sendable {
  /// Measurements that a pair or an engine is judged by; older ones fade exponentially behind them.
  static let memory = 64.0
  /// How many measurements the expectation counts like: no error for an engine, the engine's for a pair.
  static let priorCount = 1.0
  /// The spread expected before anything was measured, and how many measurements that counts like: estimates of a new
  /// engine are off by some 10% either way.
  static let priorDeviation = 0.12
  static let priorDegrees = 4.0
  /// No estimate is trusted to better than this, however often it was right.
  static let leastDeviation = 0.02

  private struct Pair: Hashable, Codable {
    var engine: EngineName
    var model: ModelID
  }

  private struct Moments: Hashable, Codable {
    var count = 0.0
    var mean = 0.0
    /// Mean squared distance from the mean.
    var variance = 0.0

    mutating func add(_ value: Double) {
      count = min(count + 1, MemoryErrors.memory)
      let share = 1 / count
      let distance = value - mean
      mean += share * distance
      variance = (1 - share) * (variance + share * distance * distance)
    }
  }

  private var pairs: [Pair: Moments] = [:]
  private var engines: [EngineName: Moments] = [:]

  /// - Parameter ratio: measured over estimated.
  mutating func insert(_ ratio: Double, engine: EngineName, model: ModelID) {
    pairs[Pair(engine: engine, model: model), default: Moments()].add(log(ratio))
    engines[engine, default: Moments()].add(log(ratio))
  }

  func correction(engine: EngineName, model: ModelID) -> MemoryCorrection {
    let common = engines[engine] ?? Moments()
    let expected = common.mean * common.count / (common.count + Self.priorCount)
    guard let own = pairs[Pair(engine: engine, model: model)] else {
      return MemoryCorrection(factor: exp(expected), deviation: Self.deviation(common), count: 0)
    }
    let mean = (own.mean * own.count + expected * Self.priorCount) / (own.count + Self.priorCount)
    return MemoryCorrection(factor: exp(mean), deviation: Self.deviation(own), count: Int(own.count))
  }

  private static func deviation(_ moments: Moments) -> Double {
    let squares = priorDegrees * priorDeviation * priorDeviation + moments.count * moments.variance
    let one = squares / (priorDegrees + moments.count)
    // The next one differs from the mean, and the mean is not known exactly.
    return max(leastDeviation, (one * (1 + 1 / (moments.count + priorCount))).squareRoot())
  }
}
