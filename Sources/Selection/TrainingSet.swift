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
/// - lost workers, cancelled blocks and figures that cannot be true: nothing.
struct TrainingSet {
  /// What a failure costs against the default.
  static let failureRatio = log(10.0)
  /// Added to every row's variance before weighing, so that ten pairs do not count ten times one: what differs between
  /// contexts is more than noise.
  static let modelVariance = 0.1 * 0.1
  /// Newest contexts that are learned from: so many with ratios, and so many without (jobs, each of its own shape).
  static let mostContexts = 10_000

  private(set) var evidence = EvidenceIndex()
  /// For each metric, by `CostMetric.rawValue`.
  private(set) var ratios = [ForestRows](repeating: ForestRows(), count: CostMetric.allCases.count)
  /// The roofline's ratio of each row of `ratios`.
  private(set) var rooflineRatios = [[Double]](repeating: [], count: CostMetric.allCases.count)
  private(set) var levels = [ForestRows](repeating: ForestRows(), count: CostMetric.allCases.count)
  /// Rows that wait for the ratio forest: where in `levels` they go once it is known how they compare to the default.
  private(set) var indirect = [[IndirectLevel]](repeating: [], count: CostMetric.allCases.count)
  private(set) var knownPairs: [UInt64] = []
  /// `contextHash` of each context, by its number.
  private(set) var contextHashes: [Int32: UInt64] = [:]
  /// Contexts with at least one ratio.
  private(set) var pairedContextCount = 0

  /// A cost of another configuration than the default.
  struct IndirectLevel {
    /// Features of the configuration, and of the default in the same context.
    var row: [Float]
    var baselineRow: [Float]
    var rooflineRatio: Double
    /// Logarithm of the cost over the roofline's for the default.
    var target: Double
    var weight: Double
    var context: Int
    var pair: Int
  }

  private struct Place {
    var representative: Measurement
    var home: Int32
    var configurations: [Int32] = []
  }

  /// - Parameter models: further models, as the weight variants and drafts that configurations name.
  init(_ measurements: [Measurement], models: [ModelProfile]) {
    var available: [ModelID: ModelProfile] = [:]
    for model in models + measurements.map(\.model) where available[model.id] == nil {
      available[model.id] = model
    }
    var places: [Int32: Place] = [:]
    var configurations: [Int32: EngineConfiguration] = [:]
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
    let models = available.values.sorted { $0.id < $1.id }
    var pairNumbers: [UInt64: Int] = [:]
    let paired = Set(evidence.exact.allCells.filter { $0.cell.pairs >= 0 }.map(\.context))
    let contexts = places.keys.sorted()
    let kept =
      contexts.filter { paired.contains($0) }.suffix(Self.mostContexts)
      + contexts.filter { !paired.contains($0) }.suffix(Self.mostContexts)
    for context in kept {
      let place = places[context]!
      let hash = SelectorModel.pair(place.representative.model.id, place.representative.hardware)
      let pair = pairNumbers[hash, default: pairNumbers.count]
      pairNumbers[hash] = pair
      contextHashes[context] = Self.contextHash(place.representative)
      for (engine, numbers) in Dictionary(
        grouping: place.configurations, by: { configurations[$0]!.engine }
      )
      .sorted(by: { $0.key < $1.key }) {
        addRows(
          context, pair: pair, place.representative, home: place.home, engine: engine, available: models,
          numbers.map { ($0, configurations[$0]!) })
      }
    }
    knownPairs = pairNumbers.keys.sorted()
  }

  /// Which context a measurement belongs to.
  static func contextHash(_ measurement: Measurement) -> UInt64 {
    StableHash.of(
      "\(measurement.model.id)|\(measurement.hardware.fingerprint)|\(measurement.workload.shape)")
  }

  private mutating func addRows(
    _ context: Int32, pair: Int, _ representative: Measurement, home: Int32, engine: EngineName,
    available: [ModelProfile],
    _ configurations: [(number: Int32, configuration: EngineConfiguration)]
  ) {
    let others = configurations.filter { !$0.configuration.knobs.isEmpty }
    let table = ContextTable(
      model: representative.model, available: available, hardware: representative.hardware,
      workload: representative.workload, engine: engine, configurations: others.map(\.configuration)
    )
    let baselineNumber = configurations.first { $0.configuration.knobs.isEmpty }?.number
    let baseline = baselineNumber.flatMap { evidence.exact.cell(context, $0) }
    // What a change on every node that knew it made stale still teaches, at the weight of what may have changed since.
    func changed(_ number: Int32, by deviation: Double) -> Double {
      evidence.isStale(home, engine, number) ? deviation * deviation : 0
    }
    let staleBaseline = baseline == nil ? 0 : changed(baselineNumber ?? 0, by: DirectEvidence.levelChange)
    let staleLevels = others.map { changed($0.number, by: DirectEvidence.levelChange) }
    let staleRatios = others.map { changed($0.number, by: DirectEvidence.ratioChange) }
    var hasRatio = false
    for metric in CostMetric.allCases {
      let place = metric.rawValue
      let roofline = table.estimates[0].logCost(metric)
      let baselineMean = baseline.flatMap { Self.mean($0.level, metric) }
      if let baselineMean, let baseline {
        levels[place].append(
          table.features.row(0), target: baselineMean - roofline,
          weight: weight(evidence.levelNoise.varianceOfMean(baseline.level, metric) + staleBaseline),
          context: Int(context), pair: pair)
      }
      for (offset, other) in others.enumerated() {
        guard let cell = evidence.exact.cell(context, other.number) else { continue }
        let row = offset + 1
        let rooflineRatio = table.rooflineRatio(row, metric)
        if let (target, variance) = ratio(cell, baseline: baseline, metric) {
          hasRatio = true
          ratios[place].append(
            table.features.row(row), target: target, weight: weight(variance + staleRatios[offset]),
            context: Int(context), pair: pair)
          rooflineRatios[place].append(rooflineRatio)
        } else if baselineMean == nil, let mean = Self.mean(cell.level, metric) {
          indirect[place].append(
            IndirectLevel(
              row: Array(table.features.row(row)), baselineRow: Array(table.features.row(0)),
              rooflineRatio: rooflineRatio, target: mean - roofline,
              // Half: it comes through the ratio's own error.
              weight: weight(evidence.levelNoise.varianceOfMean(cell.level, metric) + staleLevels[offset]) / 2,
              context: Int(context),
              pair: pair))
        }
      }
    }
    if hasRatio { pairedContextCount += 1 }
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

  /// Adds the rows that waited, now that `ratio` says how each compares to the default.
  mutating func addIndirectLevels(_ metric: CostMetric, ratios: [Double]) {
    let rows = indirect[metric.rawValue]
    precondition(ratios.count == rows.count, "one ratio for each waiting row")
    for (row, ratio) in zip(rows, ratios) {
      levels[metric.rawValue].append(
        row.baselineRow[...], target: row.target - ratio, weight: row.weight, context: row.context,
        pair: row.pair)
    }
  }
}
