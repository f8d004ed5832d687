import Serving

/// Finds the pairs: blocks of one trial, round and workload in which a configuration and the engine's default ran in
/// turns. What the machine did to both cancels in their ratio.
///
/// Bounded: the rounds that were heard of least recently are forgotten, with whatever still waited for its default.
struct BlockPairing: Sendable {
  struct Key: Hashable, Sendable {
    var trial: TrialID
    var round: Int
    var shape: WorkloadShape
    var model: Int32
    var engine: EngineName
  }

  /// A block that waits for its partner, or is one.
  struct Block: Sendable {
    var context: Int32
    var neighbourhood: Int32
    var configuration: Int32
    var costs: LogCosts
  }

  private struct Round: Sendable {
    var baseline: LogCosts?
    var waiting: [Block] = []
    var lastHeard: Int
  }

  /// Rounds under way at once: one for each workload and machine, so this is generous.
  static let mostRounds = 256

  private var rounds: [Key: Round] = [:]
  private var clock = 0

  /// Adds a block.
  ///
  /// - Returns: the pairs it completes, each a block and its default's costs.
  mutating func add(_ block: Block, isBaseline: Bool, _ key: Key) -> [(
    block: Block, baseline: LogCosts
  )] {
    clock += 1
    var round = rounds[key] ?? Round(lastHeard: clock)
    round.lastHeard = clock
    var completed: [(Block, LogCosts)] = []
    if isBaseline {
      // A repeat within one round does not happen in our trials; in imported ones the first stands.
      let baseline = round.baseline ?? block.costs
      round.baseline = baseline
      completed = round.waiting.map { ($0, baseline) }
      round.waiting = []
    } else if let baseline = round.baseline {
      completed = [(block, baseline)]
    } else {
      round.waiting.append(block)
    }
    rounds[key] = round
    if rounds.count > Self.mostRounds { forgetHalf() }
    return completed
  }

  private mutating func forgetHalf() {
    let kept = rounds.sorted { $0.value.lastHeard > $1.value.lastHeard }.prefix(Self.mostRounds / 2)
    rounds = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
  }
}
