import Glibc
public import Serving

/// How far memory estimates were off so far, by engine and loaded model, and what that says about the next one.
///
/// Errors are ratios, kept as logarithms: mean and spread for each engine with each model, and for each engine over all
/// models. A pair with few measurements is drawn to its engine, an engine with few to no error at all. Older ones fade,
/// as a newer version of an engine, or of the estimate, has other errors.
///
/// Measurements go in once each, in the order they were made.
public struct MemoryCorrections: Hashable, Codable, Sendable {
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
  /// Ratios outside of this are faults of whoever measured: an engine that never got to load, a figure in other units.
  static let plausible = 0.05...20.0

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
      count = min(count + 1, MemoryCorrections.memory)
      let share = 1 / count
      let distance = value - mean
      mean += share * distance
      variance = (1 - share) * (variance + share * distance * distance)
    }
  }

  private var pairs: [Pair: Moments] = [:]
  private var engines: [EngineName: Moments] = [:]

  public init() {}

  /// What a completed measurement with an estimate teaches; everything else is passed over.
  public mutating func insert(_ measurement: Measurement) {
    guard let ratio = Self.ratio(measurement) else { return }
    let pair = Pair(engine: measurement.configuration.engine, model: measurement.loadedModel)
    pairs[pair, default: Moments()].add(log(ratio))
    engines[pair.engine, default: Moments()].add(log(ratio))
  }

  /// Measured over estimated; nil where one of them is missing or cannot be true.
  static func ratio(_ measurement: Measurement) -> Double? {
    guard let estimate = measurement.memoryEstimateBytes, estimate > 0,
      let peak = measurement.outcome.metrics?.peakMemoryBytes, peak > 0
    else { return nil }
    let ratio = Double(peak) / Double(estimate)
    return plausible.contains(ratio) ? ratio : nil
  }

  public func correction(of estimate: MemoryEstimate) -> MemoryCorrection {
    correction(engine: estimate.engine, model: estimate.model)
  }

  /// Bytes to keep free for what is estimated: with what was learned, and a margin.
  public func plannedBytes(_ estimate: MemoryEstimate) -> Int {
    correction(of: estimate).plannedBytes(estimate.totalBytes)
  }

  /// Room that an engine takes among others on its node, in bytes of main memory: those to keep free for it, or the same
  /// share of what engines may take as it has of its GPUs' memory, if that is more. So what fits by this fits in both.
  ///
  /// - Parameter memoryLimitBytes: what all engines of the node may take.
  public func plannedRoomBytes(
    _ estimate: MemoryEstimate, on hardware: HardwareProfile, memoryLimitBytes: Int
  ) -> Int {
    let planned = plannedBytes(estimate)
    let accelerators = hardware.accelerators(of: estimate.engine).reduce(0) { $0 + $1.memoryBytes }
    guard estimate.acceleratorBytes > 0, accelerators > 0 else { return planned }
    let share = Double(estimate.acceleratorBytes) / (MemoryEstimate.usableShare * Double(accelerators))
    return max(planned, Int(share * Double(memoryLimitBytes)))
  }

  /// What to do to an estimate for this engine with this loaded model.
  public func correction(engine: EngineName, model: ModelID) -> MemoryCorrection {
    let common = engines[engine] ?? Moments()
    let expected = common.mean * common.count / (common.count + Self.priorCount)
    guard let own = pairs[Pair(engine: engine, model: model)] else {
      return MemoryCorrection(
        factor: exp(expected), deviation: Self.deviation(common), count: 0)
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

/// What was learned about memory estimates of one engine with one model.
public struct MemoryCorrection: Hashable, Sendable {
  /// Measured over estimated, as expected: 1 before anything was measured.
  public var factor: Double
  /// Spread of the logarithm of that ratio.
  public var deviation: Double
  /// Measurements of this engine with this model behind it.
  public var count: Int

  public init(factor: Double = 1, deviation: Double = 0, count: Int = 0) {
    self.factor = factor
    self.deviation = deviation
    self.count = count
  }

  /// Above 1: times this, the expected bytes are enough with 95% probability.
  public var margin: Double { exp(1.644_854 * deviation) }

  /// What an engine is expected to take.
  public func expectedBytes(_ estimate: Int) -> Int { Self.whole(Double(estimate) * factor) }

  /// What to keep free for it: with the margin.
  public func plannedBytes(_ estimate: Int) -> Int { Self.whole(Double(estimate) * factor * margin) }

  private static func whole(_ bytes: Double) -> Int { Int(min(bytes, 1e18)) }
}

extension MemoryCorrection: CustomStringConvertible {
  public var description: String {
    let margin = "\(Int(((margin - 1) * 100).rounded(.up)))% to be safe"
    guard count > 0 else { return "and \(margin)" }
    let learned = (factor * 100).rounded() / 100
    return "times \(learned) as \(count) measurements taught, and \(margin)"
  }
}

extension Measurement {
  /// The model whose file was loaded: the variant that the configuration names, or the asked one.
  public var loadedModel: ModelID {
    configuration[.weightVariant]?.textValue.map { ModelID($0) } ?? model.id
  }
}
