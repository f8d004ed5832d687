public import Serving

/// The order of a trial's blocks.
///
/// Rounds are outermost, so that a trial which runs out of time has every workload in its whole rounds. Within a round
/// all configurations take their turns at a workload before the next one: they are compared there, so they must be near
/// in time. Their order is shuffled each time, so that none always comes after the same other.
public struct BlockSchedule: Hashable, Sendable {
  public struct Block: Hashable, Sendable {
    /// Index into the trial's workloads.
    public var workload: Int
    /// As it is stored: the trial's first round and up.
    public var round: Int
    /// Index into the trial's candidates.
    public var candidate: Int
  }

  public let blocks: [Block]

  public init(_ spec: TrialSpec) {
    var generator = SeededGenerator(seed: StableHash.mix(spec.seed, StableHash.of("order")))
    blocks = (0..<max(0, spec.rounds)).flatMap { round in
      spec.workloads.indices.flatMap { workload in
        spec.lineup(workload).shuffled(using: &generator).map {
          Block(workload: workload, round: spec.firstRound + round, candidate: $0)
        }
      }
    }
  }

  /// The seed of a round's prompts: equal for all configurations, so that they do the same work; another in each round,
  /// so that nothing an engine has cached helps it.
  package static func promptSeed(trialSeed: UInt64, round: Int) -> UInt64 {
    StableHash.mix(trialSeed, UInt64(bitPattern: Int64(round)))
  }
}
