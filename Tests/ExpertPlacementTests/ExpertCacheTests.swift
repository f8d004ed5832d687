import Foundation
import Serving
import Testing

@testable import ExpertPlacement

@Suite("Caches of experts") struct ExpertCacheTests {
  private static func trace(_ experts: [UInt16], layers: Int = 1, topK: Int = 1, of count: Int = 4) throws
    -> RoutingTrace
  {
    try RoutingTrace(layerCount: layers, topK: topK, expertCount: count, experts: experts)
  }

  private static func loads(_ policy: any ExpertCachePolicy, _ trace: RoutingTrace, capacity: Int) -> Int {
    let batches = TokenBatches.inOrder(tokenCount: trace.tokenCount, batchSize: 1)
    return ExpertCacheReplay(trace, batches: batches, policy: policy, capacity: capacity).loadedCount
  }

  /// A sequence random enough that policies differ, skewed enough that frequency says something.
  private static func randomTrace(seed: UInt64, layers: Int, tokens: Int, topK: Int, experts: Int) throws
    -> RoutingTrace
  {
    var generator = SeededGenerator(seed: seed)
    var ids: [UInt16] = []
    for _ in 0..<layers * tokens {
      var chosen: Set<UInt16> = []
      while chosen.count < topK {
        let draw = Double.random(in: 0..<1, using: &generator)
        chosen.insert(UInt16(draw * draw * Double(experts)))
      }
      ids += chosen.sorted()
    }
    return try trace(ids, layers: layers, topK: topK, of: experts)
  }

  @Test("By hand: a b c a b d a, room for two")
  func byHand() throws {
    let sequence = try Self.trace([0, 1, 2, 0, 1, 3, 0])
    #expect(Self.loads(LeastRecentlyUsedExperts(), sequence, capacity: 2) == 7, "each comes just after it left")
    // 0 and 1 are loaded, 2 is used and let go of, 0 and 1 are there, 3 takes the place of 1, 0 is there.
    #expect(Self.loads(LookaheadExperts(), sequence, capacity: 2) == 4)
    #expect(Self.loads(LeastFrequentlyUsedExperts(), try Self.trace([0, 0, 0, 1, 2, 1, 2, 0]), capacity: 2) == 5)
    #expect(Self.loads(LeastRecentlyUsedExperts(), sequence, capacity: 4) == 4, "with room for all each is loaded once")
  }

  /// Belady's theorem, checked: no other policy loads less, on sequences of one expert for each step.
  @Test(arguments: 1...20) func lookaheadIsBest(seed: UInt64) throws {
    let trace = try Self.randomTrace(seed: seed, layers: 2, tokens: 200, topK: 1, experts: 8)
    for capacity in [1, 2, 5] {
      let best = Self.loads(LookaheadExperts(), trace, capacity: capacity)
      for other in ExpertCachePolicies.all {
        #expect(best <= Self.loads(other, trace, capacity: capacity), "\(other.name), room for \(capacity)")
      }
      let shortSighted = Self.loads(LookaheadExperts(windowSteps: 4), trace, capacity: capacity)
      #expect(best <= shortSighted)
    }
  }

  @Test("More experts at once than fit are loaded and let go of; nothing needed is ever evicted by the same batch")
  func overfull() throws {
    let trace = try Self.trace([0, 1, 2, 3, 0, 1, 2, 3], topK: 4)
    for policy in ExpertCachePolicies.all {
      let replay = ExpertCacheReplay(
        trace, batches: [[0], [1]], policy: policy, capacity: 2, loadMS: 10, computeMS: 15)
      #expect(replay.neededCount == 8 && replay.loadsOfBatch == [4, 2], "\(policy.name)")
      #expect(replay.stallMSOfBatch == (policy.prefetches ? [25, 5] : [40, 20]), "\(policy.name)")
    }
  }

  @Test("Expert-aware batches hold every token once, begin with the one that waits longest, and need fewer experts")
  func expertAwareBatches() throws {
    // Two kinds of tokens in turns: in order every batch needs both kinds' experts.
    let trace = try Self.trace([0, 2, 0, 2, 0, 2, 0, 2])
    let plain = TokenBatches.inOrder(tokenCount: 8, batchSize: 4)
    let aware = TokenBatches.expertAware(trace, batchSize: 4, window: 8)
    #expect(aware == [[0, 2, 4, 6], [1, 3, 5, 7]])
    let policy = LeastRecentlyUsedExperts()
    #expect(ExpertCacheReplay(trace, batches: plain, policy: policy, capacity: 1).neededCount == 4)
    #expect(ExpertCacheReplay(trace, batches: aware, policy: policy, capacity: 1).neededCount == 2)

    let random = try Self.randomTrace(seed: 7, layers: 3, tokens: 203, topK: 2, experts: 16)
    let batches = TokenBatches.expertAware(random, batchSize: 8, window: 32)
    #expect(batches.joined().sorted() == Array(0..<203))
    for (number, batch) in batches.enumerated() {
      let later = batches[(number + 1)...].joined()
      #expect(later.allSatisfy { $0 > batch[0] }, "the oldest goes first")
    }
  }

  @Test("Every policy of the folder is listed")
  func listsEveryFile() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources/ExpertPlacement/Caching")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(
      Set(ExpertCachePolicies.all.map { "\(type(of: $0)).swift" })
        == Set(files.filter { $0.hasSuffix("Experts.swift") }))
    #expect(throws: ApusError.self) { try ExpertCachePolicies.named("crystal-ball") }
  }
}
