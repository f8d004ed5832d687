import Serving

/// A measured context to judge choices in: its configurations with what each was measured to cost.
struct HeldOutContext {
  /// `TrainingSet.contextHash`.
  let hash: UInt64
  let table: ContextTable
  /// Logarithm of the measured cost of a whole request over the default's, for each row of the table; row 0 is 0.
  let ratios: [Double]

  /// How much worse than the best measured one the model's choice is, as a logarithm, at least 0.
  func regret(_ model: SelectorModel) -> Double {
    let rows = Array(ratios.indices)
    let best = ratios.reduce(0, min)
    guard let foresight = model.foresee([TableRows(table: table, rows: rows)], .e2e)[0] else { return -best }
    let choice = rows.min { foresight.ratios[$0].mean < foresight.ratios[$1].mean } ?? 0
    return ratios[choice] - best
  }

  /// Contexts with at least one configuration that ran in turns with the default, in the order they were first seen.
  static func all(
    _ measurements: [Measurement], models: [ModelProfile], without: Set<UInt64>
  ) -> [HeldOutContext] {
    var available: [ModelID: ModelProfile] = [:]
    for model in models + measurements.map(\.model) where available[model.id] == nil { available[model.id] = model }
    var index = EvidenceIndex()
    var configurations: [Int32: EngineConfiguration] = [:]
    var places: [Int32: (hash: UInt64, representative: Measurement)] = [:]
    for measurement in measurements {
      let hash = TrainingSet.contextHash(measurement)
      guard !without.contains(hash), let placed = index.place(measurement) else { continue }
      let (context, configuration) = (placed.context, placed.configuration)
      if places[context] == nil { places[context] = (hash, measurement) }
      if configurations[configuration] == nil { configurations[configuration] = measurement.configuration }
    }
    var measured: [Int32: [(EngineConfiguration, Double)]] = [:]
    for (context, configuration, cell) in index.exact.allCells where cell.failures == 0 {
      guard let pairs = index.exact.pairs(cell), let known = configurations[configuration] else { continue }
      measured[context, default: []].append((known, Double(pairs.mean[CostMetric.e2e.rawValue])))
    }
    let models = available.values.sorted { $0.id < $1.id }
    return measured.sorted { $0.key < $1.key }.compactMap { context, rows in
      guard let (hash, place) = places[context], let engine = rows.first?.0.engine else { return nil }
      let ofEngine = rows.filter { $0.0.engine == engine }
      return HeldOutContext(
        hash: hash,
        table: ContextTable(
          model: place.model, available: models, hardware: place.hardware, workload: place.workload, engine: engine,
          configurations: ofEngine.map(\.0)),
        ratios: [0] + ofEngine.map(\.1))
    }
  }
}
