import Foundation

/// How selectors choose among a few algorithms that were all tried on every instance, in the figures of a classifier
/// beside those of a selector: what MetaInf (Du and others, COLM 2025) reports, and what it leaves out.
///
/// Each group is left out in turn; nothing of it is trained on.
public struct ChoiceEvaluation: Sendable {
  public struct Score: Hashable, Sendable {
    public let selector: String
    /// Share of instances on which the best algorithm was chosen. A near miss counts as much as a bad one.
    public let accuracy: Double
    /// Mean over the algorithms, as far as one was ever best or chosen, of the harmonic mean of precision and recall.
    public let macroF1: Double
    /// Geometric mean of the baseline's cost over the choice's; above 1 is faster. A choice that failed counts a tenth,
    /// and instances whose baseline failed do not count.
    public let acceleration: Double
    /// Mean of 1 - best/chosen: what the choices cost against always choosing the best.
    public let regret: Double
    /// Share of the single best's regret that is saved; nil when the single best has none.
    public let closedGap: Double?
    /// Share of instances on which the choice is within 5% of the best.
    public let nearShare: Double
  }

  /// Of chance: each algorithm as likely as any other.
  public static let randomName = "random"
  private static let randomDraws = 200

  private let table: SelectionTable
  private let baseline: Int
  private let folds: Folds
  /// The best algorithm of each instance.
  private let best: [Int]

  /// - Parameter baseline: the algorithm that accelerations are relative to.
  /// - Throws: a table with holes, of another kind than ratios, or with one group.
  public init(_ table: SelectionTable, baseline: Int) throws(LearningError) {
    guard case .ratioToBest = table.kind, table.isComplete, table.instanceCount > 0 else {
      throw LearningError("choices are compared where every algorithm was tried on every instance")
    }
    let numbers = Dictionary(
      uniqueKeysWithValues: Set(table.groups).sorted().enumerated().map { ($1, $0) })
    guard numbers.count >= 2 else { throw LearningError("leaving one group out needs at least 2 groups") }
    precondition(table.algorithmNames.indices.contains(baseline), "the baseline is an algorithm")
    self.table = table
    self.baseline = baseline
    folds = Folds(assignment: table.groups.map { numbers[$0]! }, count: numbers.count)
    best = (0..<table.instanceCount).map { instance in
      (0..<table.algorithmCount).min { table.loss(instance, $0) < table.loss(instance, $1) }!
    }
  }

  /// How often each algorithm is the best.
  public var bestCounts: [Int] { (0..<table.algorithmCount).map { algorithm in best.count { $0 == algorithm } } }

  /// One score for each selector, in their order, after that of chance; means over the seeds. Blocks, and uses the
  /// threads it is given.
  public func scores(_ selectors: [any TableSelector], seeds: [UInt64], threadCount: Int) -> [Score] {
    let all: [any TableSelector] = [SingleBest()] + selectors
    let runs = ParallelLoop.map(count: all.count * seeds.count, threadCount: threadCount) { index in
      choices(all[index / seeds.count], seed: seeds[index % seeds.count])
    }
    let single = regret(Array(runs[..<seeds.count]))
    let scores = selectors.indices.map { place in
      let first = (place + 1) * seeds.count
      return score(selectors[place].name, Array(runs[first..<first + seeds.count]), singleBest: single)
    }
    return [score(Self.randomName, randomChoices(), singleBest: single)] + scores
  }

  /// The score of what is no selector of tables.
  ///
  /// - Parameter choose: learns from the first instances and gives the algorithm it would take for each of the others,
  ///   which are one group.
  public func score<Failure: Error>(
    _ name: String, choose: (_ training: [Int], _ test: [Int]) throws(Failure) -> [Int]
  ) throws(Failure) -> Score {
    var own = [Int](repeating: 0, count: table.instanceCount)
    for fold in 0..<folds.count {
      let test = folds.test(fold)
      for (instance, choice) in zip(test, try choose(folds.training(fold), test)) { own[instance] = choice }
    }
    return score(name, [own], singleBest: regret([choices(SingleBest(), seed: 0)]))
  }

  private func choices(_ selector: any TableSelector, seed: UInt64) -> [Int] {
    var choices = [Int](repeating: 0, count: table.instanceCount)
    let all = Array(0..<table.algorithmCount)
    for fold in 0..<folds.count {
      let model = selector.train(
        on: table.selecting(instances: folds.training(fold)), TrainingContext(seed: seed &+ UInt64(fold) << 32))
      for instance in folds.test(fold) {
        choices[instance] = model.plan(for: table.instances.row(instance), among: all).choice
      }
    }
    return choices
  }

  private func randomChoices() -> [[Int]] {
    var random = RandomSource(seed: 1, stream: 0xCA5E)
    return (0..<Self.randomDraws).map { _ in
      (0..<table.instanceCount).map { _ in random.index(below: table.algorithmCount) }
    }
  }

  private func regret(_ runs: [[Int]]) -> Double {
    Self.mean(runs) { run in Self.mean(run.indices) { table.loss($0, run[$0]) } }
  }

  private func score(_ name: String, _ runs: [[Int]], singleBest: Double) -> Score {
    let own = regret(runs)
    return Score(
      selector: name,
      accuracy: Self.mean(runs) { run in Self.mean(run.indices) { run[$0] == best[$0] ? 1 : 0 } },
      macroF1: Self.mean(runs, macroF1), acceleration: exp(Self.mean(runs, logAcceleration)), regret: own,
      closedGap: singleBest > 1e-12 ? (singleBest - own) / singleBest : nil,
      nearShare: Self.mean(runs) { run in Self.mean(run.indices) { table.loss($0, run[$0]) <= 0.05 ? 1 : 0 } })
  }

  private func macroF1(_ run: [Int]) -> Double {
    let parts = (0..<table.algorithmCount).compactMap { algorithm -> Double? in
      let right = run.indices.count { run[$0] == algorithm && best[$0] == algorithm }
      let wrong = run.indices.count { (run[$0] == algorithm) != (best[$0] == algorithm) }
      return right + wrong == 0 ? nil : Double(2 * right) / Double(2 * right + wrong)
    }
    return Self.mean(parts) { $0 }
  }

  private func logAcceleration(_ run: [Int]) -> Double {
    guard case .ratioToBest(let isHigherBetter) = table.kind else { return 0 }
    let logs = run.indices.compactMap { instance -> Double? in
      let (base, chosen) = (cell(instance, baseline), cell(instance, run[instance]))
      guard !table.isCensored[base] else { return nil }
      guard !table.isCensored[chosen] else { return -log(10) }
      let ratio = table.costs[base] / table.costs[chosen]
      return isHigherBetter ? -log(ratio) : log(ratio)
    }
    return Self.mean(logs) { $0 }
  }

  private func cell(_ instance: Int, _ algorithm: Int) -> Int { instance * table.algorithmCount + algorithm }

  private static func mean<Elements: Collection>(_ elements: Elements, _ value: (Elements.Element) -> Double) -> Double
  {
    elements.reduce(0) { $0 + value($1) } / Double(max(1, elements.count))
  }
}
