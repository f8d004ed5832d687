import FoundationEssentials
import Glibc
public import Serving

/// A grid of settings that was really measured for one model and workload: a world in which planners can be compared
/// without running anything again.
public struct MeasuredGrid: Sendable {
  /// Which figure a point is judged by.
  public enum Figure: String, Sendable, CaseIterable {
    /// CPU time of the engine for each output token: what to trust where other work shares the machine.
    case cpu
    /// Wall time of the block for each output token: on a shared machine mostly noise.
    case wall
  }

  public struct Point: Sendable {
    /// Of each factor of the space.
    public var levels: [Int]
    public var configuration: EngineConfiguration
    /// Logarithms of the speed-up over the default's block of the same round, one for each repeat. Empty when all failed.
    public var samples: [Double]
    public var failureCount: Int
    /// The logarithm of the speed-up that stands for the truth.
    public var value: Double

    /// - Parameter value: nil for the mean of the samples.
    public init(
      levels: [Int], configuration: EngineConfiguration, samples: [Double], failureCount: Int, value: Double? = nil
    ) {
      self.levels = levels
      self.configuration = configuration
      self.samples = samples
      self.failureCount = failureCount
      let mean = samples.isEmpty ? -.infinity : samples.reduce(0, +) / Double(samples.count)
      self.value = samples.isEmpty ? mean : value ?? mean
    }
  }

  public let model: String
  public let workload: String
  public let space: GridSpace
  /// Measured ones; the default is the first, and its samples are 0 by definition.
  public let points: [Point]

  public var name: String { "\(model) \(workload)" }
  /// The value of the best point; at least 0.
  public var bestValue: Double { points.map(\.value).max() ?? 0 }

  public init(model: String, workload: String, space: GridSpace, points: [Point]) {
    precondition(points.first?.levels.allSatisfy { $0 == 0 } == true, "the default is the first point")
    self.model = model
    self.workload = workload
    self.space = space
    self.points = points
  }

  /// How close to the best of the grid a point comes: speed over the best speed, in (0, 1].
  public func quality(_ point: Int) -> Double { exp(points[point].value - bestValue) }

  /// Standard deviation of one sample within its point, pooled over all points; nil without repeats.
  public var noise: Double? {
    var squares = 0.0
    var degrees = 0
    for point in points.dropFirst() where point.samples.count > 1 {
      let mean = point.samples.reduce(0, +) / Double(point.samples.count)
      squares += point.samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      degrees += point.samples.count - 1
    }
    return degrees > 0 ? (squares / Double(degrees)).squareRoot() : nil
  }

  /// Reads a file of `GridRow`s.
  ///
  /// - Parameter isRaw: takes each configuration's effect as measured for its truth, without `FactorialShrinkage`; so it is
  ///   in any case where combinations are missing.
  /// - Throws: `badInput` for a file that is none.
  public static func read(
    _ path: String, by figure: Figure, draftModel: String = "draft-q8_0", isRaw: Bool = false
  ) throws(ApusError) -> [MeasuredGrid] {
    guard let data = try? Data(contentsOf: URL(filePath: path)) else {
      throw ApusError(
        .badInput, "cannot read the measured grid \(path)", advice: "name a file made by `apus-benchmarks grid`")
    }
    let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
    guard lines.first.map(String.init) == GridRow.header else {
      throw ApusError(
        .badInput, "\(path) does not begin with the header of a measured grid",
        advice: "name a file made by `apus-benchmarks grid`")
    }
    var rows: [GridRow] = []
    for line in lines.dropFirst() { rows.append(try GridRow(parsing: line)) }
    return grids(of: rows, by: figure, space: .llamaCpp(draftModel: draftModel), isRaw: isRaw)
  }

  static func grids(of rows: [GridRow], by figure: Figure, space: GridSpace, isRaw: Bool) -> [MeasuredGrid] {
    let engine = EngineName("llamacpp")
    let points = space.points.map { levels in
      (levels, EngineConfiguration(engine: engine, methods: space.methods(levels), knobs: space.knobs(levels)))
    }
    let baseline = points[0].1.fingerprint
    return Dictionary(grouping: rows) { [$0.model, $0.workload] }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { key, rows in
        let defaults = Dictionary(
          rows.filter { $0.fingerprint == baseline }.map { ([$0.trial, $0.round], $0) },
          uniquingKeysWith: { first, _ in first })
        var samples: [String: [Double]] = [:]
        var failures: [String: Int] = [:]
        for row in rows where row.fingerprint != baseline {
          if row.outcome != "completed" {
            failures[row.fingerprint, default: 0] += 1
          } else if let other = defaults[[row.trial, row.round]], let ratio = row.logSpeedup(over: other, by: figure) {
            samples[row.fingerprint, default: []].append(ratio)
          }
        }
        let effects = RoundEffects(rows.filter { $0.outcome == "completed" }, by: figure)
        let gains = points.map { effects.gain(of: $0.1.fingerprint, over: baseline) }
        let measured = gains.compactMap(\.self)
        var values = gains
        if !isRaw, measured.count == points.count, let variance = effects.errorVariance {
          let shrunk = FactorialShrinkage(space: space).shrink(measured, errorVariance: variance)
          values = shrunk.map { $0 - shrunk[0] }
        }
        return MeasuredGrid(
          model: key[0], workload: key[1], space: space,
          points: points.enumerated().compactMap { place, point in
            let fingerprint = point.1.fingerprint
            let own = place == 0 ? [0] : samples[fingerprint] ?? []
            let failed = failures[fingerprint] ?? 0
            guard !own.isEmpty || failed > 0 else { return nil }
            return Point(
              levels: point.0, configuration: point.1, samples: own, failureCount: failed,
              value: values[place])
          })
      }
  }
}

extension GridRow {
  /// Nil when either block measured nothing.
  fileprivate func logSpeedup(over other: GridRow, by figure: MeasuredGrid.Figure) -> Double? {
    guard let own = logSecondsPerToken(figure), let others = other.logSecondsPerToken(figure) else { return nil }
    return others - own
  }
}

extension GridRow {
  /// Nil when the block measured nothing.
  func logSecondsPerToken(_ figure: MeasuredGrid.Figure) -> Double? {
    let seconds = figure == .cpu ? cpuSeconds : wallSeconds
    return outputTokenCount > 0 && seconds > 0 ? log(seconds / Double(outputTokenCount)) : nil
  }
}
