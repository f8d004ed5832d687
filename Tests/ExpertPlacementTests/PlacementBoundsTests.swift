import Serving
import Testing

@testable import ExpertPlacement

/// Bounds against every placement and every routing of problems small enough to try them all.
@Suite("Placement bounds") struct PlacementBoundsTests {
  // MARK: Fractional packing

  /// With two hosts the optimum is found by trying how much memory the first one uses: the rest follows.
  private static func optimumOfTwo(_ works: [Double], _ speeds: [Double], _ slots: [Int]) -> Double {
    let sorted = works.sorted(by: >)
    let total = works.reduce(0, +)
    func heaviest(_ count: Double) -> Double {
      sorted.enumerated().reduce(0) { $0 + $1.element * min(1, max(0, count - Double($1.offset))) }
    }
    let count = Double(works.count)
    let (least, most) = (max(0, count - Double(slots[1])), min(count, Double(slots[0])))
    var best = Double.infinity
    for step in 0...4000 {
      let memory = least + (most - least) * Double(step) / 4000
      let lightest = total - heaviest(count - memory)
      let work = min(heaviest(memory), max(lightest, total * speeds[0] / (speeds[0] + speeds[1])))
      best = min(best, max(work / speeds[0], (total - work) / speeds[1]))
    }
    return best
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>) func packingIsTheOptimumOfTwoHosts(seed: UInt64) {
    var generator = SeededNumbers(seed)
    let count = 2 + Int(generator.unit() * 6)
    let works = (0..<count).map { _ in generator.unit() < 0.2 ? 0 : generator.unit() * generator.unit() * 100 }
    let speeds = [0.1 + generator.unit() * 10, 0.1 + generator.unit()]
    let first = Int(generator.unit() * Double(count + 1))
    let slots = [first, count - first + Int(generator.unit() * 2)]
    let least = FractionalPacking(works: works, speeds: speeds, slots: slots).leastSeconds
    let tried = Self.optimumOfTwo(works, speeds, slots)
    #expect(least <= tried * (1 + 1e-9), "seed \(seed)")
    #expect(least >= tried * 0.995 - 1e-9, "seed \(seed): \(least) is below \(tried), which all placements need")
  }

  /// A fast host that is full takes the heavy experts; what memory cannot hold there goes to the slow one.
  @Test func memoryBinds() {
    // The fast host has room for one of three: its best is the heaviest, the other one computes 2 + 2.
    let full = FractionalPacking(works: [10, 2, 2], speeds: [10, 1], slots: [1, 2])
    #expect(abs(full.leastSeconds - 4) < 1e-4)
    // With room for all of them: everything at the speed of both.
    let roomy = FractionalPacking(works: [10, 2, 2], speeds: [10, 1], slots: [3, 3])
    #expect(abs(roomy.leastSeconds - 14.0 / 11) < 1e-6)
    #expect(FractionalPacking(works: [0, 0], speeds: [1], slots: [2]).leastSeconds == 0)
  }

  // MARK: Layers

  private static let geometry = ExpertGeometry(hiddenSize: 64, intermediateSize: 64, expertBytes: 1e3)

  private static func model(
    _ speeds: [Double], slots: [Int], hubWork: HubWork = HubWork()
  ) throws -> PlacementCostModel {
    let cluster = try PlacementCluster(
      hosts: speeds.indices.map {
        PlacementHost(
          name: "h\($0)", slotCount: slots[$0],
          speed: .init(operationsPerSecond: speeds[$0] * 1e6, memoryBytesPerSecond: 1e9),
          link: .init(bytesPerSecond: 1e8 * speeds[$0], latencySeconds: 1e-5))
      }, hubWork: hubWork)
    return try #require(PlacementCostModel(cluster: cluster, geometry: geometry))
  }

  /// Every placement of `experts` whole experts on the hosts' slots, one copy each.
  private static func placements(_ experts: Int, _ slots: [Int]) -> [LayerPlacement] {
    var all: [[Int]] = [[]]
    for _ in 0..<experts {
      all = all.flatMap { chosen in
        slots.indices.filter { host in chosen.count { $0 == host } < slots[host] }.map { chosen + [$0] }
      }
    }
    return all.map { .hosted($0.map { [HostShare(host: $0, weight: 1)] }) }
  }

  private static func seconds(_ layer: LayerPlacement, _ trace: RoutingTrace, _ model: PlacementCostModel) -> Double {
    model.seconds(
      of: model.works(layer, number: 0, dispatch: .split, trace: trace, tokens: 0..<trace.tokenCount))
  }

  private static func bounds(_ trace: RoutingTrace, _ model: PlacementCostModel) throws -> PlacementBounds {
    let problem = try PlacementProblem(
      trace: trace, cluster: model.cluster, geometry: geometry, batchTokens: trace.tokenCount)
    return try #require(PlacementBounds(problem))
  }

  /// Three tokens that go to two of four experts each, on two hosts: all 216 routings, all placements.
  @Test(arguments: [[2, 2], [3, 1], [4, 4]]) func nothingBeatsThem(slots: [Int]) throws {
    let model = try Self.model(
      [3, 1], slots: slots,
      hubWork: HubWork(batchSeconds: 1e-5, dispatchSecondsPerRow: 2e-5, combineSecondsPerRow: 3e-5))
    let pairs: [[UInt16]] = (0..<4).flatMap { a in ((a + 1)..<4).map { [UInt16(a), UInt16($0)] } }
    let placements = Self.placements(4, slots)
    #expect(placements.count == [6, 4, 16][slots[0] - 2])
    var fastest = Double.infinity
    var ceilings: Set<Double> = []
    for first in pairs {
      for second in pairs {
        for third in pairs {
          let trace = try RoutingTrace(layerCount: 1, topK: 2, expertCount: 4, experts: first + second + third)
          let bounds = try Self.bounds(trace, model)
          let best = placements.map { Self.seconds($0, trace, model) }.min() ?? 0
          #expect(bounds.lowerMS <= best * 1e3 * (1 + 1e-9))
          #expect(bounds.perfectRouterMS <= bounds.lowerMS)
          fastest = min(fastest, best)
          ceilings.insert(bounds.perfectRouterMS)
        }
      }
    }
    for ceiling in ceilings { #expect(ceiling <= fastest * 1e3 * (1 + 1e-9), "no routing is faster than its ceiling") }
  }

  /// Where experts weigh the same and divide evenly by the hosts' speeds, a placement reaches both bounds.
  @Test func areReached() throws {
    let model = try Self.model([1, 1], slots: [2, 2])
    // Each token to one expert of each host, all experts alike.
    let trace = try RoutingTrace(
      layerCount: 1, topK: 2, expertCount: 4, experts: [0, 2, 1, 3, 0, 3, 1, 2])
    let layer = LayerPlacement.hosted([0, 0, 1, 1].map { [HostShare(host: $0, weight: 1)] })
    let computing =
      model.works(layer, number: 0, dispatch: .split, trace: trace, tokens: 0..<4).enumerated()
      .map { model.computeSeconds(of: $1, on: $0) }.max() ?? 0
    let bounds = try Self.bounds(trace, model)
    let away = 2 * 1e-5 + 2 * PlacementCostModel.messageSeconds
    #expect(abs(bounds.lowerMS - (computing + away) * 1e3) < 1e-6)
    #expect(abs(bounds.perfectRouterMS - bounds.lowerMS) < 1e-9)
  }

  /// All tokens to the same two experts of a host that has room for no more: another router would use the other host, too.
  @Test func skewIsWhatLiesBetween() throws {
    let model = try Self.model([1, 1], slots: [2, 2])
    let skewed = try RoutingTrace(
      layerCount: 1, topK: 1, expertCount: 4, experts: [UInt16](repeating: 0, count: 8))
    let bounds = try Self.bounds(skewed, model)
    // Cut in halves it is as fast as any: what is bound is placements with cuts.
    #expect(bounds.lowerMS == bounds.perfectRouterMS)
    // Memory of three to one: all but one expert must be on the first host, which is slow.
    let tight = try Self.model([1, 9], slots: [3, 1])
    let even = try RoutingTrace(
      layerCount: 1, topK: 1, expertCount: 4, experts: (0..<8).map { UInt16($0 % 4) })
    let apart = try Self.bounds(even, tight)
    #expect(apart.perfectRouterMS < 0.25 * apart.lowerMS, "a router that knew would use the fast host's expert most")
  }
}

/// Knuth's generator: the same numbers from the same seed.
private struct SeededNumbers {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

  mutating func unit() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) / Double(1 << 31)
  }
}
