import Glibc
import Learning
public import Serving

/// The trained selector: for each metric a regressor for the default's cost and one for a candidate's ratio to it, with
/// how far they were off on contexts they had not seen. Immutable; predicts from any thread.
///
/// Two questions, two regressors: how fast a machine is changes from hour to hour and is the same for all candidates,
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
  private let learned: [CostMetric: Learned]
  private let knownPairs: Set<UInt64>
  private let knownModels: Set<UInt64>
  private let knownHardware: Set<UInt64>

  private struct Learned: Sendable {
    let level: BlendedRegressor?
    let ratio: BlendedRegressor?
    let effects: PooledEffects
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
    knownModels = Set(header.knownModels)
    knownHardware = Set(header.knownHardware)
    var learned: [CostMetric: Learned] = [:]
    do {
      for (metric, figures) in zip(CostMetric.allCases, header.metrics) {
        func regressor(_ part: Range<Int>) throws(LearningError) -> BlendedRegressor? {
          part.isEmpty
            ? nil : try BlendedRegressor(bytes: file.trees[part], columnCount: FeatureEncoder.columns.count)
        }
        guard let effects = PooledEffects(bytes: file.trees[figures.effects]) else {
          throw LearningError("\(figures.effects.count) bytes are no effects")
        }
        learned[metric] = Learned(
          level: try regressor(figures.levelTrees), ratio: try regressor(figures.ratioTrees), effects: effects,
          figures: figures)
      }
    } catch {
      throw SelectorFile.broken(name, "its trees: \(error)")
    }
    self.learned = learned
  }

  func familiarity(model: ModelID, hardware: HardwareProfile) -> Familiarity {
    if knownPairs.contains(Self.pair(model, hardware)) { return .known }
    if knownModels.contains(Self.hash(model)) { return .newHardware }
    return knownHardware.contains(Self.hash(hardware.fingerprint)) ? .newModel : .newModelAndHardware
  }

  static func pair(_ model: ModelID, _ hardware: HardwareProfile) -> UInt64 {
    StableHash.of("\(model)|\(hardware.fingerprint)")
  }

  static func hash(_ model: ModelID) -> UInt64 { hash(model.rawValue) }

  /// - Parameter fingerprint: of hardware.
  static func hash(_ fingerprint: String) -> UInt64 { StableHash.of(fingerprint) }

  /// All tables' rows in one prediction for each regressor: XGBoost 1.7 reads the cgroup's limits from files at every call,
  /// which takes longer than a hundred rows.
  func foresee(_ asked: [TableRows], _ metric: CostMetric) -> [Foresight?] {
    guard let learned = learned[metric] else { return asked.map { _ in nil } }
    let levels = learned.level?.predict(asked.flatMap { $0.table.features.row(0) })
    let others = asked.map { $0.rows.filter { $0 != 0 } }
    var corrections: ArraySlice<Double>?
    if let ratio = learned.ratio, others.contains(where: { !$0.isEmpty }) {
      var values: [Float] = []
      values.reserveCapacity(others.reduce(0) { $0 + $1.count } * FeatureEncoder.columns.count)
      for (question, rows) in zip(asked, others) {
        for row in rows { values += question.table.features.row(row) }
      }
      corrections = ratio.predict(values)[...]
    }
    return asked.indices.map { place in
      let count = others[place].count
      defer { corrections = corrections?.dropFirst(count) }
      return foresight(
        asked[place], metric, learned, level: levels?[place] ?? 0, ratios: corrections?.prefix(count))
    }
  }

  /// What a candidate's foreseen ratio is made of, as logarithms whose sum it is.
  struct RatioParts {
    /// The roofline's ratio, as far as it is trusted.
    var roofline: Double
    /// What the regressor made of the columns of `FeatureEncoder.columns`.
    var learned: BlendedRegressor.Parts
  }

  /// - Parameter row: of a candidate that is not the default.
  /// - Returns: nil without a regressor for the metric, and where trees do not answer.
  func ratioParts(_ table: ContextTable, row: Int, _ metric: CostMetric) -> RatioParts? {
    let familiarity = familiarity(model: table.model.id, hardware: table.hardware)
    guard let learned = learned[metric], let ratio = learned.ratio, learned.figures.answer(familiarity).ratio == .trees
    else { return nil }
    return RatioParts(
      roofline: learned.figures.rooflineTrust * table.rooflineRatio(row, metric),
      learned: ratio.parts(Array(table.features.row(row))))
  }

  /// - Parameters:
  ///   - level: the trees' correction of the default's roofline.
  ///   - ratios: their correction of each other row's roofline ratio; nil without trees for it.
  private func foresight(
    _ asked: TableRows, _ metric: CostMetric, _ learned: Learned, level: Double, ratios: ArraySlice<Double>?
  ) -> Foresight {
    let (table, figures) = (asked.table, learned.figures)
    let familiarity = familiarity(model: table.model.id, hardware: table.hardware)
    let (spread, answer) = (figures.spread(familiarity), figures.answer(familiarity))
    let keys =
      [.pooled, .blend].contains(answer.ratio)
      ? EffectKeys(model: table.model, hardware: table.hardware, workload: table.workload) : nil
    var left = ratios
    return Foresight(
      level: LogEstimate(
        mean: table.estimates[0].logCost(metric) + (answer.level == .trees ? level : figures.levelOffset),
        variance: spread.level * spread.level),
      ratios: asked.rows.map { row in
        guard row != 0 else { return .zero }
        let roofline = table.rooflineRatio(row, metric)
        let trusted = figures.rooflineTrust * roofline
        let trees = trusted + (left?.popFirst() ?? 0)
        let pooled = trusted + (keys.map { learned.effects.sum(of: $0.of(table.configurations[row])) } ?? 0)
        let mean =
          switch answer.ratio {
          case .trees: trees
          case .pooled: pooled
          case .blend: (trees + pooled) / 2
          case .roofline: roofline
          }
        return LogEstimate(mean: mean, variance: spread.ratio * spread.ratio)
      },
      isInformed: true, source: source(familiarity, answer),
      costFactors: CostFactors(unmeasured: spread.costFactor, measured: figures.measuredCostFactor),
      commonShare: spread.commonShare)
  }

  private func source(_ familiarity: Familiarity, _ answer: UnfamiliarAnswer) -> String {
    let trees = "trees trained on \(rowCount) measurements"
    let known =
      switch familiarity {
      case .known: trees + ", this model and hardware among them"
      case .newHardware: trees + ", this model on other hardware among them"
      case .newModel: trees + " of other models"
      case .newModelAndHardware: trees + " of other models on other hardware"
      }
    if answer == .trees { return known }
    if answer.level != .trees, answer.ratio == .roofline {
      return "the roofline, which chooses better here than " + known
    }
    let nodes = answer.level == .trees ? "" : "; between nodes the roofline, which chooses better there"
    return switch answer.ratio {
    case .trees: known + nodes
    case .pooled: known + nodes + "; between configurations what each did in the mean elsewhere"
    case .blend: known + nodes + "; between configurations what each did in the mean elsewhere as well"
    case .roofline: known + nodes + "; between configurations the roofline, which chooses better there"
    }
  }
}
