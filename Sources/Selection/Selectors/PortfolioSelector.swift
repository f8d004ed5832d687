import Serving

/// Foresees for each member of a greedy portfolio its average gain over all contexts ever measured.
struct PortfolioSelector: Selector {
  static let kind = SelectorKind(
    name: "portfolio",
    summary:
      "The few configurations that did best over all measured contexts, by their average gain.",
    make: { _, evidence in PortfolioSelector(evidence) })

  static let size = 16
  /// Spread of a configuration's gain between contexts before anything is known, and how many contexts that counts for.
  static let priorVariance = 0.3 * 0.3
  static let priorContexts = 2.0

  private let evidence: EvidenceIndex
  /// For each metric, the members' gains by configuration number.
  private let gains: [CostMetric: [Int32: LogEstimate]]
  private let contextCount: Int

  /// Nil without a single pair.
  init?(_ evidence: EvidenceIndex) {
    let cells = evidence.exact.allCells.filter { $0.cell.pairs >= 0 && $0.cell.failures == 0 }
    guard !cells.isEmpty else { return nil }
    self.evidence = evidence
    let rows = Dictionary(
      uniqueKeysWithValues: Set(cells.map(\.context)).sorted().enumerated().map { ($1, $0) })
    contextCount = rows.count
    let weight = evidence.gainWeights()
    var gains: [CostMetric: [Int32: LogEstimate]] = [:]
    for metric in CostMetric.allCases {
      var costs = [[Double?]](
        repeating: [Double?](repeating: nil, count: evidence.configurations.count),
        count: rows.count)
      for (context, configuration, cell) in cells {
        let mean = evidence.exact.pairs(cell).map { Double($0.mean[metric.rawValue]) }
        guard let mean, !mean.isNaN, let row = rows[context] else { continue }
        costs[row][Int(configuration)] = mean * weight(context, configuration)
      }
      gains[metric] = Dictionary(
        uniqueKeysWithValues: Portfolio.greedy(costs, size: Self.size).map { member in
          (Int32(member), Self.average(costs.compactMap { $0[member] }))
        })
    }
    self.gains = gains
  }

  /// Mean over contexts, pulled to no gain; the variance is that of a further context.
  private static func average(_ values: [Double]) -> LogEstimate {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / (count + priorContexts)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let spread = (squares + priorContexts * priorVariance) / (count + priorContexts)
    return LogEstimate(mean: mean, variance: spread * (1 + 1 / (count + priorContexts)))
  }

  func foresee(_ table: ContextTable, _ metric: CostMetric, rows: [Int]) -> Foresight? {
    Foresight(
      level: LogEstimate(
        mean: table.estimates[0].logCost(metric), variance: RooflineSelector.levelVariance),
      ratios: rows.map { row in
        guard row != 0 else { return .zero }
        return evidence.configuration(table.configurations[row]).flatMap { gains[metric]?[$0] }
          ?? LogEstimate(mean: 0, variance: 2 * Self.priorVariance)
      },
      isInformed: false, source: "the average over \(contextCount) other contexts")
  }
}
