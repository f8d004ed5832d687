import Foundation

/// What a selector learns from and is judged on: instances with features, algorithms with features, and what each
/// algorithm cost on each instance, as far as it was tried.
///
/// The learner knows nothing else. A history of measurements, a CSV file and an ASlib scenario are ways to make one.
public struct SelectionTable: Sendable {
  /// One row for each instance.
  public let instances: FeatureMatrix
  /// One row for each algorithm, often without columns.
  public let algorithms: FeatureMatrix
  public let algorithmNames: [String]
  public let kind: CostKind
  /// `costs[instance * algorithmCount + algorithm]` in the unit of `kind`; NaN when the pair was never tried.
  public let costs: [Double]
  /// The run ended at its cost without a result: time-out, out of memory, crash. Indexed as `costs`.
  public let isCensored: [Bool]
  /// What a selector that reads features pays for them on each instance, in the unit of the costs.
  public let featureCosts: [Double]
  /// Instances of one group have something in common (a model, a machine) and are never on both sides of a split; each
  /// instance is its own group unless said.
  public let groups: [Int]
  /// What it costs to have chosen an algorithm, lower is better, NaN when never tried. Indexed as `costs`.
  ///
  /// Run times: PAR10 (or another penalty). Ratios: 1 - achieved/best, from 0 to 1. Others: the cost, with its sign
  /// turned when higher is better; a run without a result costs as much as the worst that finished.
  public let losses: [Double]

  public init(
    instances: FeatureMatrix, algorithms: FeatureMatrix, algorithmNames: [String], kind: CostKind, costs: [Double],
    isCensored: [Bool], featureCosts: [Double]? = nil, groups: [Int]? = nil
  ) {
    precondition(algorithms.rowCount == algorithmNames.count, "a name for each algorithm")
    precondition(
      costs.count == instances.rowCount * algorithmNames.count, "a cost for each instance and algorithm")
    precondition(isCensored.count == costs.count, "a mark for each cost")
    precondition(featureCosts?.count ?? instances.rowCount == instances.rowCount, "a feature cost for each instance")
    precondition(groups?.count ?? instances.rowCount == instances.rowCount, "a group for each instance")
    self.groups = groups ?? Array(0..<instances.rowCount)
    self.instances = instances
    self.algorithms = algorithms
    self.algorithmNames = algorithmNames
    self.kind = kind
    self.costs = costs
    self.isCensored = isCensored
    self.featureCosts = featureCosts ?? [Double](repeating: 0, count: instances.rowCount)
    losses = Self.losses(costs, isCensored, kind, algorithmCount: algorithmNames.count)
  }

  public var instanceCount: Int { instances.rowCount }
  public var algorithmCount: Int { algorithmNames.count }

  public func loss(_ instance: Int, _ algorithm: Int) -> Double { losses[instance * algorithmCount + algorithm] }

  /// The algorithms that were tried on an instance.
  public func candidates(of instance: Int) -> [Int] {
    (0..<algorithmCount).filter { !loss(instance, $0).isNaN }
  }

  /// Whether every algorithm was tried on every instance.
  public var isComplete: Bool { !losses.contains { $0.isNaN } }

  public func selecting(instances kept: [Int]) -> SelectionTable {
    let cells = kept.flatMap { $0 * algorithmCount..<($0 + 1) * algorithmCount }
    return SelectionTable(
      instances: instances.selecting(rows: kept), algorithms: algorithms, algorithmNames: algorithmNames, kind: kind,
      costs: cells.map { costs[$0] }, isCensored: cells.map { isCensored[$0] },
      featureCosts: kept.map { featureCosts[$0] }, groups: kept.map { groups[$0] })
  }

  private static func losses(
    _ costs: [Double], _ isCensored: [Bool], _ kind: CostKind, algorithmCount: Int
  ) -> [Double] {
    switch kind {
    case .runTime(let cutoff, let penalty):
      return zip(costs, isCensored).map { cost, isCensored in
        cost.isNaN ? .nan : isCensored || cost >= cutoff ? penalty * cutoff : max(cost, 0)
      }
    case .lowest, .highest:
      let sign: Double = kind == .highest ? -1 : 1
      let worst = zip(costs, isCensored).filter { !$0.isNaN && !$1 }.map { sign * $0.0 }.max() ?? 0
      return zip(costs, isCensored).map { $0.isNaN ? .nan : $1 ? worst : sign * $0 }
    case .ratioToBest(let isHigherBetter):
      var losses = [Double](repeating: .nan, count: costs.count)
      for start in stride(from: 0, to: costs.count, by: max(1, algorithmCount)) {
        let cells = start..<start + algorithmCount
        let finished = cells.filter { !costs[$0].isNaN && !isCensored[$0] }.map { costs[$0] }
        let best = isHigherBetter ? finished.max() : finished.min()
        for cell in cells where !costs[cell].isNaN {
          guard let best, !isCensored[cell] else {
            losses[cell] = 1
            continue
          }
          losses[cell] = 1 - (isHigherBetter ? costs[cell] / best : best / costs[cell])
        }
      }
      return losses
    }
  }
}
