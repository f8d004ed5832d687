import Serving
import Testing

@testable import ExpertPlacement

@Suite("Placement strategies") struct PlacementStrategyTests {
  /// A cluster and a routing nobody chose: hosts of any speed, memory and distance, experts of any popularity.
  private static func problem(seed: UInt64, hasTrace: Bool = true) throws -> PlacementProblem {
    var generator = SeededGenerator(seed: seed)
    func number(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &generator) }
    let expertCount = Int.random(in: 2...24, using: &generator)
    let topK = Int.random(in: 1...min(4, expertCount), using: &generator)
    let hostCount = Int.random(in: 1...6, using: &generator)
    var hosts = (0..<hostCount).map { index in
      PlacementHost(
        name: "h\(index)", slotCount: Int.random(in: 0...expertCount, using: &generator),
        speed: .init(operationsPerSecond: number(1e9...1e11), memoryBytesPerSecond: number(1e9...1e11)),
        link: .init(bytesPerSecond: number(1e7...1e10), latencySeconds: number(0...1e-3)))
    }
    while hosts.reduce(0, { $0 + $1.slotCount }) < expertCount {
      hosts[Int.random(in: hosts.indices, using: &generator)].slotCount += 1
    }
    let popularity = (0..<expertCount).map { _ in number(0...1) }
    let trace = try RoutingTrace(
      layerCount: 3, topK: topK, expertCount: expertCount,
      experts: (0..<3 * 64).flatMap { _ in
        (0..<expertCount).sorted {
          popularity[$0] * Double.random(in: 0...1, using: &generator) > popularity[$1] * 0.5
            && $0 != $1
        }.prefix(topK).map { UInt16($0) }
      })
    let cluster = try PlacementCluster(hosts: hosts, hubBytesPerSecond: 1e9)
    let geometry = ExpertGeometry(hiddenSize: 64, intermediateSize: 128, expertBytes: 1e6)
    return hasTrace
      ? try PlacementProblem(trace: trace, cluster: cluster, geometry: geometry, batchTokens: 16)
      : try PlacementProblem(load: trace.load, cluster: cluster, geometry: geometry, batchTokens: 16, topK: topK)
  }

  /// Whatever a strategy plans has every expert somewhere, never twice on a host, within every host's memory; it is the same
  /// each time, and no faster than the bound.
  @Test(arguments: 1...40 as ClosedRange<UInt64>) func plansAreValidAndRepeatable(seed: UInt64) throws {
    let problem = try Self.problem(seed: seed, hasTrace: seed % 3 != 0)
    var planned = 0
    for strategy in PlacementStrategies.all {
      let plan: PlacementPlan
      do { plan = try strategy.plan(problem) } catch {
        #expect(error.code == .badInput)
        continue
      }
      planned += 1
      #expect(throws: Never.self, "\(strategy.name)") { try plan.validate(for: problem.cluster) }
      #expect(try strategy.plan(problem) == plan, "\(strategy.name) plans differently the second time")
      let forecast = PlacementForecast(plan, for: problem, bounds: PlacementBounds(problem))
      #expect((0...1 + 1e-9).contains(forecast.balancedness.least), "\(strategy.name)")
      let (time, bounds) = (try #require(forecast.layerP50MS), try #require(forecast.bounds))
      let bound = bounds.lowerMS
      #expect(bounds.perfectRouterMS <= bound)
      #expect(time >= bound * 0.999, "\(strategy.name) is said to beat the bound: \(time) < \(bound)")
    }
    #expect(planned >= (problem.trace == nil ? 10 : 12))
  }

  /// A file of the folder that is not in the list would be no strategy, and two may not share a name.
  @Test func namesAreUnique() {
    let names = PlacementStrategies.all.map(\.name)
    #expect(Set(names).count == names.count && names.count == 14)
    #expect(throws: ApusError.self) { try PlacementStrategies.named("best") }
  }

  /// Unequal hosts: time-aware strategies use them by their speed, and all-equal ones are several times slower.
  @Test func fastHostsGetMore() throws {
    let hosts = [8.0, 4, 2, 1].enumerated().map { index, speed in
      PlacementHost(
        name: "h\(index)", slotCount: 64,
        speed: .init(operationsPerSecond: speed * 1e9, memoryBytesPerSecond: speed * 1e12))
    }
    let load = try ExpertLoad([[Double](repeating: 1, count: 64)])
    let problem = try PlacementProblem(
      load: load, cluster: PlacementCluster(hosts: hosts),
      geometry: ExpertGeometry(hiddenSize: 512, intermediateSize: 512, expertBytes: 1e6), batchTokens: 2048, topK: 4)
    func time(_ name: String) throws -> Double {
      try #require(
        PlacementForecast(PlacementStrategies.named(name).plan(problem), for: problem, bounds: nil).layerP50MS)
    }
    #expect(try time("linear") > 3 * time("lpt_heterogeneous"))
    #expect(try time("eplb_heterogeneous") <= time("lpt_heterogeneous") * 1.001)
    #expect(try time("search") <= time("lpt_heterogeneous") * 1.001)
  }

  /// Experts that always work together end up together.
  @Test func affinityFindsGroups() throws {
    // Four groups of four experts, interleaved; each token stays within a group.
    let experts = (0..<512).flatMap { token -> [UInt16] in [0, 4, 8, 12].map { UInt16($0 + token % 4) } }
    let trace = try RoutingTrace(layerCount: 1, topK: 4, expertCount: 16, experts: experts)
    let problem = try PlacementProblem(trace: trace, cluster: .equal(hostCount: 4, slotCount: 16))
    let plan = try AffinityBalanced().plan(problem)
    #expect(PlacementForecast(plan, for: problem, bounds: nil).hostsPerTokenMean == 1)
    #expect(try PlacementForecast(Linear().plan(problem), for: problem, bounds: nil).hostsPerTokenMean == 4)
    let grace = try Grace().plan(problem)
    #expect(PlacementForecast(grace, for: problem, bounds: nil).hostsPerTokenMean == 1)
  }

  /// What is impossible is refused with what is missing.
  @Test func impossibleProblems() throws {
    let load = try ExpertLoad([[1, 2, 3, 4]])
    let error = #expect(throws: ApusError.self) {
      try PlacementProblem(load: load, cluster: .equal(hostCount: 2, slotCount: 3))
    }
    #expect(error?.reason.contains("1 have no place") == true)
    #expect(throws: ApusError.self) { try ExpertLoad([[1, -1]]) }
    #expect(throws: ApusError.self) { try ExpertLoad([[1, .nan]]) }
    #expect(throws: ApusError.self) { try ExpertLoad([[1, 2], [1]]) }
    #expect(throws: ApusError.self) { try ExpertLoad([]) }
    #expect(throws: ApusError.self) {
      try RoutingTrace(layerCount: 1, topK: 2, expertCount: 4, experts: [0, 1, 2, 4])
    }
    #expect(throws: ApusError.self) {
      try RoutingTrace(layerCount: 1, topK: 2, expertCount: 4, experts: [0, 1, 2, 2])
    }
    #expect(throws: ApusError.self) { try RoutingTrace(layerCount: 2, topK: 2, expertCount: 4, experts: [0, 1]) }
    #expect(throws: ApusError.self) {
      try Keep().plan(PlacementProblem(load: load, cluster: .equal(hostCount: 2, slotCount: 4)))
    }
    let other = try Linear().plan(PlacementProblem(load: load, cluster: .equal(hostCount: 2, slotCount: 4)))
    #expect(throws: ApusError.self) {
      try PlacementProblem(load: load, cluster: .equal(hostCount: 3, slotCount: 6), current: other)
    }
  }
}
