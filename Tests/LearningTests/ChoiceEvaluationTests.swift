import Testing

@testable import Learning

@Suite("Choices among a few algorithms, in the figures of a classifier")
struct ChoiceEvaluationTests {
  /// Two groups of two instances and two algorithms; the second is the baseline.
  private static func table(isOut: Bool = false) -> SelectionTable {
    SelectionTable(
      instances: FeatureMatrix(columns: ["same"], values: [1, 1, 1, 1], rowCount: 4), algorithms: .empty(rowCount: 2),
      algorithmNames: ["a", "b"], kind: .ratioToBest(isHigherBetter: false), costs: [1, 2, 1, 4, 4, 1, 1, 1.01],
      isCensored: [false, false, false, false, isOut, false, false, false], groups: [7, 7, 9, 9])
  }

  @Test("Figures done by hand: `a` is chosen for the second group, `b` for the first")
  func byHand() throws {
    let evaluation = try ChoiceEvaluation(Self.table(), baseline: 1)
    #expect(evaluation.bestCounts == [3, 1])
    let scores = evaluation.scores([SingleBest()], seeds: [1, 2], threadCount: 1)
    #expect(scores.map(\.selector) == ["random", "single-best"])
    let single = scores[1]
    // Group 7 teaches a (loss 0, against 1/2 and 3/4): chosen in group 9, wrong on its first. Group 9 teaches b (0 and
    // 0.0099, against 3/4 and 0): chosen in group 7, wrong twice.
    #expect(single.accuracy == 0.25)
    #expect(abs(single.regret - (0.5 + 0.75 + 0.75 + 0) / 4) < 1e-12)
    // Of a: 1 right, 1 chosen wrongly, 2 missed. Of b: none right.
    #expect(abs(single.macroF1 - (2.0 / 5 + 0) / 2) < 1e-12)
    // b over b twice, then 1/4 and 1.01.
    #expect(abs(single.acceleration - 0.7088) < 1e-4)
    #expect(single.closedGap == 0 && single.nearShare == 0.25)
    #expect(abs(scores[0].accuracy - 0.5) < 0.05 && abs(scores[0].nearShare - 0.625) < 0.05)
  }

  @Test("A failed choice counts a tenth")
  func failures() throws {
    let scores = try ChoiceEvaluation(Self.table(isOut: true), baseline: 1).scores(
      [SingleBest()], seeds: [1], threadCount: 1)
    #expect(abs(scores[1].acceleration - 0.5637) < 1e-4, "the fourth root of 1 * 1 * 0.1 * 1.01")
  }

  @Test("Selectors that learn from features choose right for a group they never saw")
  func learns() throws {
    var random = RandomSource(seed: 3)
    var (features, costs, groups): ([Float], [Double], [Int]) = ([], [], [])
    for instance in 0..<60 {
      let place = random.unit()
      features += [Float(place), Float(random.unit())]
      costs += (0..<3).map { Int(place * 3) == $0 ? 1 : 2 }
      groups.append(instance % 4)
    }
    let table = SelectionTable(
      instances: FeatureMatrix(columns: ["place", "noise"], values: features, rowCount: 60),
      algorithms: .empty(rowCount: 3), algorithmNames: ["a", "b", "c"], kind: .ratioToBest(isHigherBetter: false),
      costs: costs, isCensored: costs.map { _ in false }, groups: groups)
    let names = ["neural-factorization", "boosted-trees", "ensemble"]
    let selectors = names.map { name in TableSelectorCatalogue.all.first { $0.name == name }! }
    let scores = try ChoiceEvaluation(table, baseline: 0).scores(selectors, seeds: [1], threadCount: 2)
    for score in scores.dropFirst() { #expect(score.accuracy > 0.75, "\(score)") }
    #expect(scores[0].accuracy < 0.4)
  }

  @Test("A table with holes, or with nothing to leave out, is refused")
  func refusals() {
    let full = Self.table()
    func with(_ costs: [Double], _ groups: [Int]) -> SelectionTable {
      SelectionTable(
        instances: full.instances, algorithms: full.algorithms, algorithmNames: full.algorithmNames, kind: full.kind,
        costs: costs, isCensored: full.isCensored, groups: groups)
    }
    #expect(throws: LearningError.self) {
      try ChoiceEvaluation(with([.nan] + full.costs[1...], [0, 0, 1, 1]), baseline: 0)
    }
    #expect(throws: LearningError.self) { try ChoiceEvaluation(with(full.costs, [0, 0, 0, 0]), baseline: 0) }
  }
}
