import Benchmarking
import Serving
import TestKit
import Testing

@Suite("Block schedule") struct BlockScheduleTests {
  private func spec(candidates: Int, seed: UInt64) -> TrialSpec {
    TrialSpec(
      id: TrialID("t"), benchmark: BenchmarkID("b"), purpose: .paired, model: ModelID("m"),
      candidates: (0..<candidates).map {
        Candidate(
          configuration: EngineConfiguration(engine: EngineName("e"), knobs: [.slotCount: .int($0 + 1)]),
          fidelity: .exact)
      },
      workloads: [.chat, .edit], rounds: 3, firstRound: 5, seed: seed, timeLimitSeconds: 10)
  }

  /// Round after round, workload after workload, each configuration exactly once in each.
  @Test func everyConfigurationOnceInEachGroup() {
    let blocks = BlockSchedule(spec(candidates: 4, seed: 1)).blocks
    #expect(blocks.count == 24)
    for (index, group) in stride(from: 0, to: 24, by: 4).map({ blocks[$0..<($0 + 4)] }).enumerated() {
      #expect(Set(group.map(\.candidate)) == Set(0..<4))
      #expect(Set(group.map(\.round)) == [5 + index / 2])
      #expect(Set(group.map(\.workload)) == [index % 2])
    }
  }

  /// A candidate runs only on the workloads whose lineup names it, and is as often paired with the default as rounds.
  @Test func lineups() {
    var spec = spec(candidates: 3, seed: 1)
    spec.lineups = [[0, 2], [0, 1]]
    let blocks = BlockSchedule(spec).blocks
    #expect(blocks.count == spec.blockCount && blocks.count == 12)
    #expect(Set(blocks.filter { $0.workload == 0 }.map(\.candidate)) == [0, 2])
    #expect(Set(blocks.filter { $0.workload == 1 }.map(\.candidate)) == [0, 1])
    for unsound in [[[0, 3], [0]], [[0, 0], [0]], [[0]], [[-1], [0]]] {
      spec.lineups = unsound
      #expect(!spec.hasSoundLineups, "\(unsound)")
    }
  }

  /// The order changes from group to group and with the seed, and is the same for the same seed.
  @Test func orderIsShuffledFromTheSeed() {
    let blocks = BlockSchedule(spec(candidates: 4, seed: 1)).blocks
    let orders = Set(stride(from: 0, to: 24, by: 4).map { blocks[$0..<($0 + 4)].map(\.candidate) })
    #expect(orders.count > 2)
    #expect(BlockSchedule(spec(candidates: 4, seed: 1)).blocks == blocks)
    #expect(BlockSchedule(spec(candidates: 4, seed: 2)).blocks != blocks)
  }

  /// Over many trials every configuration is as often first as any other.
  @Test func nobodyIsFavoured() {
    var firsts = [Int](repeating: 0, count: 4)
    for seed in 0..<400 { firsts[BlockSchedule(spec(candidates: 4, seed: UInt64(seed))).blocks[0].candidate] += 1 }
    #expect(firsts.allSatisfy { (70...130).contains($0) }, "\(firsts)")
  }

  /// Enough memory keeps everything loaded; with little the longest unused one leaves, and never the one in use.
  @Test func shelf() {
    var roomy = MemoryShelf(limitBytes: 100)
    #expect((0..<4).map { roomy.use($0, bytes: 25) } == [[], [], [], []])
    #expect(roomy.use(0, bytes: 25) == [])
    #expect(roomy.use(9, bytes: 30) == [1, 2])
    #expect(roomy.ids == [3, 0, 9])
    roomy.remove(3)
    #expect(roomy.use(5, bytes: 40) == [])
    // One that is too large alone still gets its turn.
    #expect(roomy.use(6, bytes: 500) == [0, 9, 5])
    #expect(roomy.ids == [6])
  }

  /// One that does not start has that result for good; one that fails in blocks gets a second start, then is skipped.
  @Test func health() {
    var unstartable = CandidateHealth()
    unstartable.didNotStart(.outOfMemory(detail: "x"))
    #expect(unstartable.decision == .failed(.outOfMemory(detail: "x")))
    var crashing = CandidateHealth()
    #expect(crashing.decision == .run)
    crashing.didFail(.timedOut(afterSeconds: 1))
    #expect(crashing.decision == .run)
    crashing.didFail(.engineFailed(reason: "x", lastLines: ""))
    guard case .skipped(let reason) = crashing.decision else {
      Issue.record("a configuration that failed twice would be run again")
      return
    }
    #expect(reason.contains("engine_failed"))
  }
}
