/// A scenario as a stream: instances come one by one in random order, a bandit chooses, and is told only what its
/// choice cost, cut off at the cutoff (Tornede, Bengs, Hüllermeier, AAAI 2022).
///
/// Every instance comes, also those that nobody solves, since nobody can know them beforehand; a second figure leaves
/// them out of the sum. Bandits that read features pay for them.
public struct StreamEvaluation: Sendable {
  private let table: SelectionTable
  private let cost: BanditCost
  private let instances: [Int]
  private let isSolvable: [Bool]

  /// - Throws: a scenario that does not measure run times.
  public init(_ scenario: ASlibScenario) throws(LearningError) {
    guard case .runTime = scenario.table.kind else {
      throw LearningError("`\(scenario.name)` has no run times: a stream with censored costs needs a cutoff")
    }
    self.init(scenario.table, isSolvable: scenario.isSolvable)
  }

  /// - Parameter table: of run times.
  init(_ table: SelectionTable, isSolvable: [Bool]) {
    guard case .runTime(let cutoff, let penalty) = table.kind else { preconditionFailure("a stream is of run times") }
    self.table = table
    self.isSolvable = isSolvable
    cost = .runTime(cutoff: cutoff, penalty: penalty)
    instances = (0..<table.instanceCount).filter { !table.candidates(of: $0).isEmpty }
  }

  public struct Score: Hashable, Sendable {
    public let bandit: String
    public let seed: UInt64
    /// rePAR10: PAR10 of the stream relative to that of always choosing the best.
    public let relativeLoss: Double
    /// The same over the instances that somebody solves.
    public let relativeSolvableLoss: Double
    /// Seconds for a choice and learning from it, mean and longest.
    public let meanStepSeconds: Double
    public let longestStepSeconds: Double
  }

  public var stepCount: Int { instances.count }
  /// Mean PAR10 of always choosing the best.
  public var oracleLoss: Double { best(instances) / Double(max(1, instances.count)) }

  private func best(_ instances: [Int]) -> Double {
    instances.reduce(0.0) { sum, instance in
      sum + table.candidates(of: instance).map { table.loss(instance, $0) }.min()!
    }
  }

  /// Runs each bandit over the stream of each seed: all bandits over the same streams. Seeds within bandits, in their
  /// order. Blocks, and uses the threads it is given.
  public func scores(_ bandits: [BanditKind], seeds: [UInt64], threadCount: Int) -> [Score] {
    ParallelLoop.map(count: bandits.count * seeds.count, threadCount: threadCount) { index in
      score(bandits[index / seeds.count], seed: seeds[index % seeds.count])
    }
  }

  private func score(_ kind: BanditKind, seed: UInt64) -> Score {
    var order = RandomSource(seed: seed, stream: 0x57EA)
    var bandit = kind.make(table.algorithmCount, cost, seed)
    let clock = ContinuousClock()
    var (loss, solvableLoss) = (0.0, 0.0)
    var (total, longest) = (Duration.zero, Duration.zero)
    for instance in instances.shuffled(using: &order) {
      let context = Array(table.instances.row(instance))
      var choice = 0
      let took = clock.measure {
        choice = bandit.choose(for: context, among: table.candidates(of: instance))
        bandit.learn(
          table.solved(instance, choice).map { .finished($0) } ?? .failed, of: choice, in: context)
      }
      total += took
      longest = max(longest, took)
      let own = table.loss(of: SelectionPlan(choice: choice, readsFeatures: kind.readsFeatures), on: instance)
      loss += own
      if isSolvable[instance] { solvableLoss += own }
    }
    return Score(
      bandit: kind.name, seed: seed, relativeLoss: loss / best(instances),
      relativeSolvableLoss: solvableLoss / best(instances.filter { isSolvable[$0] }),
      meanStepSeconds: total / .seconds(1) / Double(max(1, instances.count)),
      longestStepSeconds: longest / .seconds(1))
  }
}
