import Serving

/// A measured context to judge choices in: its configurations with what each was measured to cost.
struct HeldOutContext {
  let table: ContextTable
  /// Logarithm of the measured cost over the default's, for each row of the table; row 0 is 0.
  let ratios: [Double]
  let metric: CostMetric

  /// How much worse than the best measured one the model's choice is, as a logarithm, at least 0.
  func regret(_ model: SelectorModel) -> Double {
    let rows = Array(ratios.indices)
    guard let foresight = model.foresee(table, metric, rows: rows) else {
      return ratios[0] - ratios.min()!
    }
    let choice = rows.min { foresight.ratios[$0].mean < foresight.ratios[$1].mean } ?? 0
    return ratios[choice] - ratios.min()!
  }

  /// Contexts with at least one configuration that ran in turns with the default.
  static func all(
    _ set: TrainingSet, _ measurements: [Measurement], models: [ModelProfile], without: Set<UInt64>,
    _ metric: CostMetric
  ) -> [HeldOutContext] {
    var available: [ModelID: ModelProfile] = [:]
    for model in models + measurements.map(\.model) where available[model.id] == nil {
      available[model.id] = model
    }
    let index = set.evidence
    var configurations: [Int32: EngineConfiguration] = [:]
    var representatives: [Int32: Measurement] = [:]
    for measurement in measurements where !without.contains(TrainingSet.contextHash(measurement)) {
      let context = index.context(
        model: measurement.model.id, hardware: measurement.hardware, workload: measurement.workload)
      guard let place = context.exact, let number = index.configuration(measurement.configuration)
      else { continue }
      if representatives[place] == nil { representatives[place] = measurement }
      if configurations[number] == nil { configurations[number] = measurement.configuration }
    }
    var measured: [Int32: [(EngineConfiguration, Double)]] = [:]
    for (context, configuration, cell) in index.exact.allCells where cell.failures == 0 {
      guard let pairs = index.exact.pairs(cell), let known = configurations[configuration] else {
        continue
      }
      let mean = Double(pairs.mean[metric.rawValue])
      if !mean.isNaN { measured[context, default: []].append((known, mean)) }
    }
    return measured.sorted { $0.key < $1.key }.compactMap { context, rows in
      guard let place = representatives[context], let engine = rows.first?.0.engine else {
        return nil
      }
      let ofEngine = rows.filter { $0.0.engine == engine }
      return HeldOutContext(
        table: ContextTable(
          model: place.model, available: available.values.sorted { $0.id < $1.id },
          hardware: place.hardware,
          workload: place.workload, engine: engine, configurations: ofEngine.map(\.0)),
        ratios: [0] + ofEngine.map(\.1), metric: metric)
    }
  }
}
