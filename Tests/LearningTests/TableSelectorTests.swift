import Foundation
import Testing

@testable import Learning

@Suite("Table selectors")
struct TableSelectorTests {
  private static let context = TrainingContext(seed: 1, threadCount: 2)
  static let names = TableSelectorCatalogue.all.map(\.name)

  private func selector(_ name: String) -> any TableSelector {
    TableSelectorCatalogue.all.first { $0.name == name }!
  }

  @Test("Every file of the folder that holds a selector is in the catalogue, once")
  func catalogueIsComplete() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../Sources/Learning/Selectors")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { file in
      try String(contentsOf: folder.appending(path: file), encoding: .utf8).contains(": TableSelector {")
    }
    let types = Set(TableSelectorCatalogue.all.map { "\(type(of: $0)).swift" })
    #expect(types == Set(files))
    #expect(Set(Self.names).count == Self.names.count)
  }

  @Test("No selector does better than the virtual best or worse than the worst", arguments: names)
  func staysWithinBounds(name: String) {
    let table = Tables.law(instances: 50, missing: 0.1)
    let test = Tables.law(instances: 30, seed: 2, missing: 0.1)
    let loss = Tables.meanLoss(selector(name).train(on: table, Self.context), test)
    func mean(_ pick: ([Double]) -> Double) -> Double {
      (0..<test.instanceCount).reduce(0.0) { sum, instance in
        sum + pick(test.candidates(of: instance).map { test.loss(instance, $0) })
      } / Double(test.instanceCount)
    }
    let (best, worst) = (mean { $0.min()! }, mean { $0.max()! })
    #expect(best <= loss)
    #expect(loss <= worst)
  }

  @Test(
    "Selectors that read features find the law: most of the gap is closed",
    arguments: names.filter { !["single-best", "portfolio", "best-rule"].contains($0) })
  func findsLaw(name: String) {
    let table = Tables.law(instances: 120)
    let test = Tables.law(instances: 80, seed: 2)
    let loss = Tables.meanLoss(selector(name).train(on: table, Self.context), test)
    let single = Tables.meanLoss(SingleBest().train(on: table, Self.context), test)
    // The borders of round clusters are not those of the law.
    let share = name == "clusters" ? 0.7 : 0.35
    #expect(loss < share * single, "\(name): \(loss) against \(single)")
  }

  @Test("What is chosen does not depend on the order of the algorithms", arguments: names)
  func ignoresOrder(name: String) {
    let table = Tables.law(instances: 90)
    let order = [2, 0, 1]
    let test = Tables.law(instances: 50, seed: 3)
    let plain = selector(name).train(on: table, Self.context)
    let permuted = selector(name).train(on: Tables.permuted(table, order), Self.context)
    let same = (0..<50).count { instance in
      let row = test.instances.row(instance)
      return plain.plan(for: row, among: [0, 1, 2]).choice == order[permuted.plan(for: row, among: [0, 1, 2]).choice]
    }
    // Instances on a border may fall to either side: random draws are per algorithm.
    #expect(same >= 46, "\(name): \(same) of 50")
  }

  @Test("The same seed gives the same scores", arguments: names)
  func isReproducible(name: String) {
    let table = Tables.law(instances: 30)
    let row = Tables.law(instances: 1, seed: 5).instances.row(0)
    let one = selector(name).train(on: table, TrainingContext(seed: 7, threadCount: 1))
    let two = selector(name).train(on: table, TrainingContext(seed: 7, threadCount: 2))
    #expect(one.scores(of: row, among: [0, 1, 2]) == two.scores(of: row, among: [0, 1, 2]))
  }

  @Test("Only candidates are chosen, and pairs that were never tried are no obstacle", arguments: names)
  func copesWithHoles(name: String) {
    let full = Tables.law(instances: 60, algorithmCount: 4)
    var random = RandomSource(seed: 4)
    let table = SelectionTable(
      instances: full.instances, algorithms: full.algorithms, algorithmNames: full.algorithmNames, kind: full.kind,
      costs: full.costs.map { random.unit() < 0.4 ? .nan : $0 }, isCensored: full.isCensored)
    let model = selector(name).train(on: table, Self.context)
    for instance in 0..<20 {
      let row = full.instances.row(instance)
      #expect([1, 3].contains(model.plan(for: row, among: [1, 3]).choice))
      let scores = model.scores(of: row, among: [0, 1, 2, 3])
      let odd = scores.filter { !$0.isFinite }
      #expect(odd.isEmpty)
    }
  }

  @Test("A fast algorithm that often fails loses to a slow one that does not", arguments: names)
  func fearsCensoredCosts(name: String) {
    let count = 60
    // Every second run of the risky one is cut at 5: its cost alone looks better than the other's 30.
    let isOut = (0..<count).map { $0.isMultiple(of: 2) }
    let table = SelectionTable(
      instances: FeatureMatrix(columns: ["same"], values: isOut.map { _ in 1 }, rowCount: count),
      algorithms: .empty(rowCount: 2), algorithmNames: ["risky", "safe"], kind: .runTime(cutoff: 100),
      costs: isOut.flatMap { [$0 ? 5 : 1, 30] }, isCensored: isOut.flatMap { [$0, false] })
    let model = selector(name).train(on: table, Self.context)
    #expect(model.plan(for: [1], among: [0, 1]).choice == 1)
  }
}
