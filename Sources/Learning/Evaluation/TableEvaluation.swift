/// How selectors do on a table of measurements: achieved over best, for contexts they were not trained on.
public struct TableEvaluation: Sendable {
  /// What is tested on and what for training: pairs of instance numbers.
  public enum Split: Hashable, Sendable {
    /// Cross-validation by the table's groups.
    case folds(Int)
    /// Trained on the instances that are not tested.
    case test([Int])
  }

  public struct Score: Hashable, Sendable {
    public let selector: String
    /// Mean of achieved/best over the contexts and seeds, from 0 to 1.
    public let achievedOverBest: Double
    /// Share of the gap to the best that is closed, starting from the single best or the best simple rule; nil without
    /// a gap.
    public let closedGapSingleBest: Double?
    public let closedGapRule: Double?
    /// Share of contexts in which less than 95% of what the single best achieves is achieved.
    public let shareWorseThanSingleBest: Double
  }

  private let table: SelectionTable
  private let split: Split

  /// - Throws: a split that leaves nothing to train on or to test.
  public init(_ table: SelectionTable, split: Split) throws(LearningError) {
    self.table = table
    self.split = split
    switch split {
    case .folds(let count):
      guard count >= 2 else { throw LearningError("cross-validation needs at least 2 folds, not \(count)") }
      guard Set(table.groups).count >= 2 else { throw LearningError("cross-validation needs at least 2 groups") }
    case .test(let tested):
      guard !tested.isEmpty, Set(tested).count < table.instanceCount else {
        throw LearningError("there must be instances to train on and others to test")
      }
    }
  }

  public var contextCount: Int {
    if case .test(let tested) = split { tested.count } else { table.instanceCount }
  }

  /// One score for each selector, in their order. Blocks, and uses the threads it is given.
  public func scores(_ selectors: [any TableSelector], seeds: [UInt64], threadCount: Int) -> [Score] {
    let baselines: [any TableSelector] = [SingleBest(), BestRule()]
    let all = baselines + selectors
    // achieved[selector][seed][tested context].
    let jobs = all.indices.flatMap { selector in seeds.map { (selector: selector, seed: $0) } }
    let achieved = ParallelLoop.map(count: jobs.count, threadCount: threadCount) { index in
      self.achieved(all[jobs[index].selector], seed: jobs[index].seed)
    }
    func runs(_ selector: Int) -> [[Double]] { Array(achieved[selector * seeds.count..<(selector + 1) * seeds.count]) }
    func mean(_ selector: Int) -> Double {
      let values = runs(selector).flatMap { $0 }
      return values.reduce(0, +) / Double(max(1, values.count))
    }
    let (single, rule) = (mean(0), mean(1))
    return selectors.indices.map { place in
      let selector = place + baselines.count
      let own = mean(selector)
      let pairs = zip(runs(selector), runs(0)).flatMap { zip($0, $1) }
      return Score(
        selector: all[selector].name, achievedOverBest: own, closedGapSingleBest: Self.closed(own, from: single),
        closedGapRule: Self.closed(own, from: rule),
        shareWorseThanSingleBest: Double(pairs.count { $0 < 0.95 * $1 }) / Double(max(1, pairs.count)))
    }
  }

  private static func closed(_ mean: Double, from base: Double) -> Double? {
    1 - base > 1e-12 ? (mean - base) / (1 - base) : nil
  }

  private func achieved(_ selector: any TableSelector, seed: UInt64) -> [Double] {
    let parts: [(training: [Int], test: [Int])]
    switch split {
    case .test(let tested):
      let isTested = Set(tested)
      parts = [((0..<table.instanceCount).filter { !isTested.contains($0) }, tested)]
    case .folds(let count):
      let folds = Folds.grouped(table.groups, folds: min(count, Set(table.groups).count), seed: seed)
      parts = (0..<folds.count).map { (folds.training($0), folds.test($0)) }
    }
    var achieved = [Double](repeating: .nan, count: table.instanceCount)
    for (number, part) in parts.enumerated() {
      let model = selector.train(
        on: table.selecting(instances: part.training), TrainingContext(seed: seed &+ UInt64(number) << 32))
      for instance in part.test {
        let plan = model.plan(for: table.instances.row(instance), among: table.candidates(of: instance))
        achieved[instance] = 1 - table.loss(of: plan, on: instance)
      }
    }
    return achieved.filter { !$0.isNaN }
  }
}
