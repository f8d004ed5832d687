public import Serving

extension SelectorModel {
  /// Which of some configurations of one engine it takes for the best in a context, by what it learned elsewhere alone:
  /// nothing that was measured in the context itself counts. For evaluations; `Recommender` chooses for jobs.
  ///
  /// - Parameters:
  ///   - configurations: at least one, all of one engine.
  ///   - available: models that they may name.
  /// - Returns: place of the choice among them.
  public func choice(
    among configurations: [EngineConfiguration], for model: ModelProfile, available: [ModelProfile],
    on hardware: HardwareProfile, _ workload: Workload, objective: Objective
  ) -> Int {
    let others = configurations.filter { !$0.knobs.isEmpty }
    let table = ContextTable(
      model: model, available: available, hardware: hardware, workload: workload, engine: configurations[0].engine,
      configurations: others)
    // Row 0 is the engine's default, whether it is among them or not: what all are compared with is not foreseen.
    let rows = Array(0...others.count)
    guard let ratios = foresee([TableRows(table: table, rows: rows)], CostMetric(objective))[0]?.ratios else {
      return 0
    }
    var left = ratios.dropFirst()
    let foreseen = configurations.map { $0.knobs.isEmpty ? ratios[0].mean : left.removeFirst().mean }
    return configurations.indices.min { foreseen[$0] < foreseen[$1] }!
  }
}
