import Testing

@testable import Learning

@Suite("The default has a floor: a rule where the ensemble does not clearly beat it")
struct FlooredEnsembleTests {
  /// Three algorithms on `groups` x 8 instances. By a rule, the level decides which is best; otherwise two features do
  /// together, neither of which says anything alone.
  private static func table(groups: Int, isRule: Bool, seed: UInt64) -> SelectionTable {
    var random = RandomSource(seed: seed)
    var (features, costs, numbers): ([Float], [Double], [Int]) = ([], [], [])
    for group in 0..<groups {
      for _ in 0..<8 {
        let (level, other) = (random.index(below: 2), random.index(below: 2))
        features += [Float(level), Float(other), Float(random.unit()), Float(random.unit())]
        let best = isRule ? level : level ^ other
        costs += (0..<3).map { ($0 == best ? 1 : 1.6) * (0.95 + 0.1 * random.unit()) }
        numbers.append(group)
      }
    }
    return SelectionTable(
      instances: FeatureMatrix(columns: ["level", "other", "x", "y"], values: features, rowCount: numbers.count),
      algorithms: .empty(rowCount: 3), algorithmNames: ["a", "b", "c"], kind: .ratioToBest(isHigherBetter: false),
      costs: costs, isCensored: costs.map { _ in false }, groups: numbers)
  }

  @Test("Where a rule is all there is, the default is the rule", arguments: [1, 2, 3] as [UInt64])
  func takesTheRule(seed: UInt64) {
    let table = Self.table(groups: 5, isRule: true, seed: seed)
    let context = TrainingContext(seed: seed)
    let ours = FlooredEnsemble().train(on: table, context)
    let rule = BestRule().train(on: table, context)
    for instance in 0..<table.instanceCount {
      let row = table.instances.row(instance)
      #expect(ours.scores(of: row, among: [0, 1, 2]) == rule.scores(of: row, among: [0, 1, 2]))
    }
  }

  @Test("Where two features decide together, the ensemble is used", arguments: [1, 2, 3] as [UInt64])
  func takesTheEnsemble(seed: UInt64) {
    let table = Self.table(groups: 8, isRule: false, seed: seed)
    let test = Self.table(groups: 4, isRule: false, seed: seed + 100)
    let context = TrainingContext(seed: seed)
    let ours = Tables.meanLoss(FlooredEnsemble().train(on: table, context), test)
    let rule = Tables.meanLoss(BestRule().train(on: table, context), test)
    #expect(ours < 0.5 * rule, "\(ours) against \(rule)")
  }

  @Test("The noise of a gain is that of its mean over the instances")
  func noise() {
    func plans(_ choice: Int) -> [SelectionPlan?] {
      (0..<5).map { $0 == 4 ? nil : SelectionPlan(choice: choice, readsFeatures: false) }
    }
    let table = SelectionTable(
      instances: FeatureMatrix.empty(rowCount: 5), algorithms: .empty(rowCount: 2), algorithmNames: ["a", "b"],
      kind: .lowest, costs: [0, 1, 0, 1, 1, 0, 0, 3, 9, 0], isCensored: [Bool](repeating: false, count: 10))
    // Gains 1, 1, -1, 3: mean 1, squares 0, 0, 4, 4 over three, over four instances. The fifth has no plan.
    let gain = PairedGain(of: plans(0), over: plans(1), on: table)
    #expect(gain == PairedGain(mean: 1, standardError: (8.0 / 3 / 4).squareRoot()))
    let one = PairedGain(of: [plans(0)[0], nil, nil, nil, nil], over: plans(1), on: table)
    #expect(one.mean == 1 && one.standardError == .infinity)
  }
}
