import Foundation
import Testing

@testable import Learning

@Suite("Contextual bandits")
struct ContextualBanditTests {
  static let names = BanditKind.all.map(\.name)

  private func make(
    _ name: String, arms: Int = 3, cost: BanditCost = .runTime(cutoff: 100), seed: UInt64 = 1
  ) -> any ContextualBandit {
    BanditKind.all.first { $0.name == name }!.make(arms, cost, seed)
  }

  /// Lets a bandit run over a table and gives its choices.
  private func run(_ bandit: inout any ContextualBandit, on table: SelectionTable) -> [Int] {
    (0..<table.instanceCount).map { instance in
      let context = Array(table.instances.row(instance))
      let choice = bandit.choose(for: context, among: table.candidates(of: instance))
      bandit.learn(table.solved(instance, choice).map { .finished($0) } ?? .failed, of: choice, in: context)
      return choice
    }
  }

  @Test("Every file of the folder that holds a bandit is in the list, once")
  func listIsComplete() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/Learning/Online")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { file in
      try String(contentsOf: folder.appending(path: file), encoding: .utf8).contains(": ContextualBandit {")
    }
    let types = BanditKind.all.map { "\(type(of: $0.make(2, .ratio(), 1))).swift" }
    #expect(types.sorted() == files.sorted())
    #expect(Set(Self.names).count == Self.names.count)
  }

  @Test("The same seed and outcomes give the same choices, and a copy goes its own way", arguments: names)
  func isAValue(name: String) {
    let table = Tables.law(instances: 60, missing: 0.1)
    var (one, two) = (make(name), make(name))
    #expect(run(&one, on: table) == run(&two, on: table))
    var copy = one
    for _ in 0..<20 { copy.learn(.failed, of: 0, in: [0.5, 0.5]) }
    #expect(run(&one, on: table) == run(&two, on: table))
  }

  @Test("Only arms that are there are chosen, and each new one is tried", arguments: names)
  func triesWhatIsNew(name: String) {
    var bandit = make(name)
    var chosen: Set<Int> = []
    for _ in 0..<2 {
      let arm = bandit.choose(for: [1], among: [0, 2])
      chosen.insert(arm)
      bandit.learn(.finished(1), of: arm, in: [1])
    }
    #expect(chosen == [0, 2])
    #expect(bandit.choose(for: [.nan], among: [1]) == 1)
  }

  @Test("What an arm cost somebody else counts, and an arm that always fails is given up", arguments: names)
  func learnsFromOthers(name: String) {
    for cost in [BanditCost.runTime(cutoff: 100), .ratio()] {
      var bandit = make(name, arms: 2, cost: cost)
      for step in 0..<40 {
        let context = [Float(step % 5 + 1)]
        bandit.learn(step % 2 == 0 ? .failed : .finished(1), of: 0, in: context)
        bandit.learn(.finished(2), of: 1, in: context)
      }
      let choices = (0..<20).map { bandit.choose(for: [Float($0 % 5 + 1)], among: [0, 1]) }
      #expect(choices.count { $0 == 1 } >= 18, "\(name), \(cost): \(choices)")
    }
  }

  @Test("Forests find a law that the single best cannot use: the loss of the stream is far lower")
  func findsLaw() {
    let table = Tables.law(instances: 400)
    func loss(_ name: String) -> Double {
      var bandit = make(name)
      return run(&bandit, on: table).enumerated().reduce(0) { $0 + table.loss($1.offset, $1.element) }
    }
    let (forest, mean) = (loss("forest-thompson"), loss("lowest-mean"))
    #expect(forest < 0.35 * mean, "\(forest) against \(mean)")
  }

  @Test("The linear model is ridge regression, and its variance falls where it has seen something")
  func regresses() {
    var model = BayesianLinearModel(width: 2, precision: 0.5)
    #expect(model.predict([1, 2]).mean == 0)
    #expect(abs(model.predict([1, 2]).variance - 10) < 1e-12)
    for (features, target) in [([1.0, 0.0], 2.0), ([1, 1], 4), ([0, 1], 1)] { model.update(features, target) }
    // (X'X + I/2) w = X'y with X'X = [[2, 1], [1, 2]] and X'y = [6, 5]: w = [10, 6.5] / 5.25.
    #expect(abs(model.predict([1, 0]).mean - 10 / 5.25) < 1e-9)
    #expect(abs(model.predict([0, 1]).mean - 6.5 / 5.25) < 1e-9)
    #expect(abs(model.predict([1, 0]).variance - 2.5 / 5.25) < 1e-9)
  }

  @Test("rePAR10 by hand: features are paid for, and instances nobody solves count in one figure only")
  func streams() {
    let table = SelectionTable(
      instances: FeatureMatrix(columns: ["x"], values: [1, 2], rowCount: 2), algorithms: .empty(rowCount: 1),
      algorithmNames: ["only"], kind: .runTime(cutoff: 10), costs: [4, 10], isCensored: [false, true],
      featureCosts: [2, 2])
    let evaluation = StreamEvaluation(table, isSolvable: [true, false])
    let scores = evaluation.scores(BanditKind.all, seeds: [1, 2], threadCount: 2)
    #expect(evaluation.oracleLoss == 52 && evaluation.stepCount == 2)
    #expect(scores.count == 2 * BanditKind.all.count)
    for score in scores {
      let paid = score.bandit == "lowest-mean" ? 0.0 : 2
      #expect(score.relativeLoss == (104 + paid) / 104)
      #expect(score.relativeSolvableLoss == (4 + paid) / 4)
      #expect(score.meanStepSeconds > 0 && score.longestStepSeconds >= score.meanStepSeconds)
    }
  }
}
