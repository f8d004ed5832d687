public import Serving

/// The configurations that together did best over all contexts ever measured, for one objective.
public struct EvidencePortfolio: Sendable {
  /// `costs[context][configuration]`, as `Portfolio.greedy` wants them.
  private let costs: [[Double?]]
  private let rows: [Int32: Int]
  private let configurations: [EngineConfiguration]
  private let index: EvidenceIndex

  public init(_ index: EvidenceIndex, objective: Objective) {
    self.index = index
    let metric = CostMetric(objective)
    let cells = index.exact.allCells.filter { $0.cell.pairs >= 0 && $0.cell.failures == 0 }
    rows = Dictionary(uniqueKeysWithValues: Set(cells.map(\.context)).sorted().enumerated().map { ($1, $0) })
    configurations = index.configurations.sorted { $0.value < $1.value }
      .map { EngineConfiguration(engine: $0.key.engine, knobs: $0.key.knobs) }
    let weight = index.gainWeights()
    var costs = [[Double?]](
      repeating: [Double?](repeating: nil, count: configurations.count), count: rows.count)
    for (context, configuration, cell) in cells {
      let mean = index.exact.pairs(cell).map { Double($0.mean[metric.rawValue]) }
      if let mean, !mean.isNaN, let row = rows[context] {
        costs[row][Int(configuration)] = mean * weight(context, configuration)
      }
    }
    self.costs = costs
  }

  /// Members in the order greedy search takes them, the best single one first; without methods, as these follow from the
  /// knobs. Fewer than `size` when no other one gains anything; empty without pairs.
  ///
  /// The context itself is left out, for what was measured there is known better than a portfolio knows it.
  public func members(
    size: Int, leavingOut model: ModelID, _ hardware: HardwareProfile, _ workload: Workload
  ) -> [EngineConfiguration] {
    let own = index.context(model: model, hardware: hardware, workload: workload).exact.flatMap { rows[$0] }
    let others = costs.indices.filter { $0 != own }.map { costs[$0] }
    return Portfolio.greedy(others, size: size).map { configurations[$0] }
  }
}
