import Glibc
public import Serving
import XGBoost

/// The trained selector: for each metric trees for the default's cost and trees for a candidate's ratio to it, with how
/// far they were off on contexts they had not seen. Immutable; predicts from any thread.
///
/// Two questions, two forests: how fast a machine is changes from hour to hour and is the same for all candidates,
/// while the ratio to the default in the same round is what decides and is measured far better.
public struct SelectorModel: Sendable {
  /// Measurements it was trained on.
  public var rowCount: Int { header.rowCount }
  /// Measurements with figures that cannot be true, left out of the training.
  public var refusedCount: Int { header.refusedCount }
  public var encoderVersion: Int { header.encoderVersion }
  /// When it was trained, in milliseconds since 1970-01-01 UTC.
  public var trainedAtMS: Int64 { header.trainedAtMS }
  /// Contexts with pairs that it was trained on.
  public var contextCount: Int { header.contextCount }

  /// What its choices cost in contexts it had not seen, over the best that was measured there: 1 is perfect, 1.05 is 5%
  /// more. From cross-validation while it was trained; nil when too little was measured to say.
  public var heldOutRegret: Double? {
    let regrets = header.contexts.compactMap(\.regret)
    return regrets.isEmpty ? nil : exp(regrets.reduce(0, +) / Double(regrets.count))
  }

  let header: SelectorFile.Header
  private let forests: [CostMetric: Forests]
  private let knownPairs: Set<UInt64>

  private struct Forests: Sendable {
    let level: TreePredictor?
    let ratio: TreePredictor?
    let figures: SelectorFile.Metric
  }

  /// Reads a model file.
  ///
  /// - Throws: `badInput` when the file is missing, broken, or was made with another encoder; retraining mends it.
  public init(file path: String) throws(ApusError) {
    try self.init(bytes: SelectorFile.read(path), name: path)
  }

  /// - Parameter name: of the source, for errors.
  init(bytes: [UInt8], name: String) throws(ApusError) {
    let file = try SelectorFile(bytes: bytes, name: name)
    header = file.header
    knownPairs = Set(header.knownPairs)
    var forests: [CostMetric: Forests] = [:]
    do {
      for (metric, figures) in zip(CostMetric.allCases, header.metrics) {
        func predictor(_ part: Range<Int>) throws(XGBoostError) -> TreePredictor? {
          part.isEmpty
            ? nil : try TreePredictor(file.trees[part], columnCount: FeatureEncoder.columns.count)
        }
        forests[metric] = Forests(
          level: try predictor(figures.levelTrees), ratio: try predictor(figures.ratioTrees),
          figures: figures)
      }
    } catch {
      throw SelectorFile.broken(name, "its trees: \(error)")
    }
    self.forests = forests
  }

  /// Whether it was trained on this model on this hardware, in whatever workload.
  func knows(model: ModelID, hardware: HardwareProfile) -> Bool {
    knownPairs.contains(Self.pair(model, hardware))
  }

  static func pair(_ model: ModelID, _ hardware: HardwareProfile) -> UInt64 {
    StableHash.of("\(model)|\(hardware.fingerprint)")
  }

  func foresee(_ table: ContextTable, _ metric: CostMetric, rows: [Int]) -> Foresight? {
    guard let forests = forests[metric] else { return nil }
    let figures = forests.figures
    let isKnown = knows(model: table.model.id, hardware: table.hardware)
    let levelDeviation = isKnown ? figures.levelNear : figures.levelFar
    let ratioDeviation = isKnown ? figures.ratioNear : figures.ratioFar

    let correction = forests.level.map { Self.predict($0, Array(table.features.row(0)))[0] } ?? 0
    let others = rows.filter { $0 != 0 }
    var corrections: [Double] = []
    if let forest = forests.ratio, !others.isEmpty {
      // Usually all rows but the first: one copy, not one for each row.
      let isTail =
        others.count == table.features.rowCount - 1 && others.first == 1
        && others.last == others.count
      let columns = table.features.columns.count
      let values =
        isTail
        ? Array(table.features.values[columns...])
        : others.flatMap { Array(table.features.row($0)) }
      corrections = Self.predict(forest, values)
    }
    var next = 0
    let ratios = rows.map { row -> LogEstimate in
      guard row != 0 else { return .zero }
      let correction = corrections.isEmpty ? 0 : corrections[next]
      next += 1
      return LogEstimate(
        mean: figures.rooflineTrust * table.rooflineRatio(row, metric) + correction,
        variance: ratioDeviation * ratioDeviation)
    }
    return Foresight(
      level: LogEstimate(
        mean: table.estimates[0].logCost(metric) + correction,
        variance: levelDeviation * levelDeviation),
      ratios: ratios, isInformed: true,
      source: isKnown
        ? "trees trained on \(rowCount) measurements, this model and hardware among them"
        : "trees trained on \(rowCount) measurements of other models or hardware")
  }

  private static func predict(_ forest: TreePredictor, _ values: [Float]) -> [Double] {
    do {
      return try forest.predict(values).map { Double($0) }
    } catch {
      // The shapes are ours and were checked when the file was read.
      preconditionFailure("XGBoost refused to predict: \(error)")
    }
  }
}
