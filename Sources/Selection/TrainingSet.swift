import Acceleration
import Glibc
import Serving

/// The history as tables: for each metric rows for the default's cost and rows for ratios to it.
///
/// How outcomes become rows, in one place:
/// - completed blocks that have a pair: their mean ratio to the default in the same rounds;
/// - completed ones without (imported rows): the ratio of the means, at lower weight;
/// - failures: a ratio of ten, in the manner of PAR10, for every cost but memory, averaged with the rounds that went
///   well; the true cost is only known to be above the limit;
/// - jobs have no default beside them: they teach the level, once the ratios are learned;
/// - lost workers, cancelled blocks, jobs whose prompt lay in a restored slot and figures that cannot be true: nothing.
struct TrainingSet {
  /// What a failure costs against the default.
  static let failureRatio = log(10.0)
  /// Added to every row's variance before weighing, so that ten pairs do not count ten times one: what differs between
  /// contexts is more than noise.
  static let modelVariance = 0.1 * 0.1
  /// Newest contexts that are learned from: so many with ratios, and so many without (jobs, each of its own shape).
  static let mostContexts = 10_000

  private(set) var evidence = EvidenceIndex()
  private(set) var cells = MeasuredCells(columnCount: FeatureEncoder.columns.count)
  /// See `SelectorModel.pair`.
  private(set) var knownPairs: [UInt64] = []
  private(set) var knownModels: [UInt64] = []
  private(set) var knownHardware: [UInt64] = []
  /// `contextHash` of each context, by its number.
  private(set) var contextHashes: [Int32: UInt64] = [:]
  /// A measurement of each context, without its samples, and each configuration, by their numbers.
  private(set) var representatives: [Int32: Measurement] = [:]
  private(set) var configurations: [Int32: EngineConfiguration] = [:]
  /// Contexts with at least one ratio.
  private(set) var pairedContextCount = 0

  private struct Place {
    var representative: Measurement
    var home: Int32
    var configurations: [Int32] = []
  }

  /// Numbers of what a context's cells have in common with those of others.
  private struct Group {
    var hardware: Int32
    var model: Int32
    var workload: Int32
  }

  /// - Parameter models: further models, as the weight variants and drafts that configurations name.
  init(_ measurements: [Measurement], models: [ModelProfile]) {
    var available: [ModelID: ModelProfile] = [:]
    for model in models + measurements.map(\.model) where available[model.id] == nil {
      available[model.id] = model
    }
    var places: [Int32: Place] = [:]
    for measurement in measurements {
      guard let placed = evidence.place(measurement) else { continue }
      let (context, configuration) = (placed.context, placed.configuration)
      if configurations[configuration] == nil {
        configurations[configuration] = measurement.configuration
      }
      if places[context] == nil {
        var representative = measurement
        representative.samples = []
        places[context] = Place(representative: representative, home: placed.home)
      }
      if !places[context]!.configurations.contains(configuration) {
        places[context]!.configurations.append(configuration)
      }
    }
    let profiles = available.values.sorted { $0.id < $1.id }
    var pairs: Set<UInt64> = []
    var modelIDs: Set<ModelID> = []
    var fingerprints: Set<String> = []
    var (hardwareNumbers, modelNumbers, workloadNumbers): ([String: Int32], [String: Int32], [String: Int32]) =
      ([:], [:], [:])
    let paired = Set(evidence.exact.allCells.filter { $0.cell.pairs >= 0 }.map(\.context))
    let contexts = places.keys.sorted()
    let kept =
      contexts.filter { paired.contains($0) }.suffix(Self.mostContexts)
      + contexts.filter { !paired.contains($0) }.suffix(Self.mostContexts)
    // Restricted nodes of one kind of machine are all that many clusters have: then each is what can be left out.
    let hasKinds =
      Set(kept.map { places[$0]!.representative.hardware.kind }).count >= Calibration.leastGroups
    for context in kept {
      let place = places[context]!
      let (model, hardware) = (place.representative.model, place.representative.hardware)
      pairs.insert(SelectorModel.pair(model.id, hardware))
      modelIDs.insert(model.id)
      fingerprints.insert(hardware.fingerprint)
      let group = Group(
        hardware: EvidenceIndex.number(hasKinds ? hardware.kind : hardware.fingerprint, &hardwareNumbers),
        model: EvidenceIndex.number(
          model.variantGroup.isEmpty ? model.id.rawValue : model.variantGroup, &modelNumbers),
        workload: EvidenceIndex.number(place.representative.workload.shape, &workloadNumbers))
      contextHashes[context] = Self.contextHash(place.representative)
      representatives[context] = place.representative
      for (engine, numbers) in Dictionary(
        grouping: place.configurations, by: { configurations[$0]!.engine }
      )
      .sorted(by: { $0.key < $1.key }) {
        addCells(
          context, place.representative, home: place.home, engine: engine, available: profiles,
          numbers.map { ($0, configurations[$0]!) }, group)
      }
    }
    knownPairs = pairs.sorted()
    knownModels = modelIDs.map(SelectorModel.hash).sorted()
    knownHardware = fingerprints.map(SelectorModel.hash).sorted()
  }

  /// Which context a measurement belongs to.
  static func contextHash(_ measurement: Measurement) -> UInt64 {
    StableHash.of(
      "\(measurement.model.id)|\(measurement.hardware.fingerprint)|\(measurement.workload.shape)")
  }

  private mutating func addCells(
    _ context: Int32, _ representative: Measurement, home: Int32, engine: EngineName, available: [ModelProfile],
    _ configurations: [(number: Int32, configuration: EngineConfiguration)], _ group: Group
  ) {
    let others = configurations.filter { !$0.configuration.knobs.isEmpty }
    let table = ContextTable(
      model: representative.model, available: available, hardware: representative.hardware,
      workload: representative.workload, engine: engine, configurations: others.map(\.configuration))
    let keys = EffectKeys(
      model: representative.model, hardware: representative.hardware, workload: representative.workload)
    let baselineNumber = configurations.first { $0.configuration.knobs.isEmpty }?.number
    let baseline = baselineNumber.flatMap { evidence.exact.cell(context, $0) }
    let baselineRow = cells.appendBaseline(table.features.row(0))
    func cell(_ configuration: Int32, isBaseline: Bool) -> MeasuredCells.Cell {
      MeasuredCells.Cell(
        context: context, configuration: configuration, hardware: group.hardware, model: group.model,
        workload: group.workload, isBaseline: isBaseline, baselineRow: baselineRow)
    }
    func allCosts(_ configuration: Int32, row: Int, _ own: EvidenceCell) -> [MeasuredCells.Costs] {
      let isStale = evidence.isStale(home, engine, configuration)
      return CostMetric.allCases.map { costs($0, table, row: row, own, baseline: baseline, isStale: isStale) }
    }
    if let baselineNumber, let baseline {
      cells.append(
        cell(baselineNumber, isBaseline: true), table.features.row(0), allCosts(baselineNumber, row: 0, baseline))
    }
    var hasRatio = false
    for (offset, other) in others.enumerated() {
      guard let own = evidence.exact.cell(context, other.number) else { continue }
      let all = allCosts(other.number, row: offset + 1, own)
      hasRatio = hasRatio || all.contains { !$0.ratio.isNaN }
      cells.append(
        cell(other.number, isBaseline: false), table.features.row(offset + 1), all,
        effects: [keys.context] + keys.of(other.configuration))
    }
    if hasRatio { pairedContextCount += 1 }
  }

  /// - Parameter isStale: whether a change on every node that knew it made it stale: it still teaches, at the weight of
  ///   what may have changed since.
  private func costs(
    _ metric: CostMetric, _ table: ContextTable, row: Int, _ cell: EvidenceCell, baseline: EvidenceCell?, isStale: Bool
  ) -> MeasuredCells.Costs {
    func weight(_ variance: Double, change: Double) -> Float {
      Float(self.weight(variance + (isStale ? change * change : 0)))
    }
    var costs = MeasuredCells.Costs(
      roofline: Float(table.estimates[0].logCost(metric)),
      rooflineRatio: row == 0 ? 0 : Float(table.rooflineRatio(row, metric)))
    if let level = Self.mean(cell.level, metric) {
      costs.level = Float(level)
      costs.levelWeight = weight(
        evidence.levelNoise.varianceOfMean(cell.level, metric), change: DirectEvidence.levelChange)
    }
    guard row > 0 else { return costs }
    if let (ratio, variance) = ratio(cell, baseline: baseline, metric) {
      costs.ratio = Float(ratio)
      costs.ratioWeight = weight(variance, change: DirectEvidence.ratioChange)
    } else {
      costs.isIndirect = !costs.level.isNaN && baseline.flatMap { Self.mean($0.level, metric) } == nil
    }
    return costs
  }

  /// Logarithm of a configuration's cost over the default's, with failures counted, and its variance; nil when neither is
  /// known.
  private func ratio(_ cell: EvidenceCell, baseline: EvidenceCell?, _ metric: CostMetric) -> (
    Double, Double
  )? {
    // A machine without a counter has no energy to be ten times of.
    if metric == .energy, baseline.flatMap({ Self.mean($0.level, metric) }) == nil { return nil }
    let counted = metric == .memory ? 0 : Double(cell.failures)
    var successes = 0.0
    var mean = 0.0
    var variance = 0.0
    if let pairs = evidence.exact.pairs(cell), let paired = Self.mean(pairs, metric) {
      mean = paired
      successes = Double(pairs.count)
      variance = evidence.pairNoise.varianceOfMean(pairs, metric)
    } else if let baseline, let own = Self.mean(cell.level, metric),
      let other = Self.mean(baseline.level, metric)
    {
      mean = own - other
      successes = Double(cell.level.count)
      variance =
        evidence.levelNoise.varianceOfMean(cell.level, metric)
        + evidence.levelNoise.varianceOfMean(baseline.level, metric)
    } else if counted == 0 {
      return nil
    }
    let share = counted / (counted + successes)
    return (mean * (1 - share) + Self.failureRatio * share, variance)
  }

  private func weight(_ variance: Double) -> Double {
    Self.modelVariance / (Self.modelVariance + variance)
  }

  private static func mean(_ moments: RunningMoments, _ metric: CostMetric) -> Double? {
    guard moments.count > 0 else { return nil }
    let mean = Double(moments.mean[metric.rawValue])
    return mean.isNaN ? nil : mean
  }
}
