import Coordinator
import Serving
import Testing

@testable import Simulation

/// The coordinator's router against those it is compared with; bounds are loose, the figures are in README.
@Suite("Routers on simulated pools")
struct RoutingComparisonTests {
  private func run(
    _ nodes: [NodeModel], _ requests: [TraceRequest], _ policy: RoutingPolicyName, seed: UInt64,
    order: QueueOrder? = nil, faults: [NodeFault] = [], isHindsight: Bool = false
  ) -> SimulationResult {
    var options = Simulation.Options()
    options.policy = policy
    options.seed = seed
    options.queueOrder = order
    options.faults = faults
    options.isHindsight = isHindsight
    return Simulation(nodes, requests, options).run()
  }

  @Test("On a mixed pool the median request starts and ends sooner than with the others", arguments: [1, 2])
  func mixedPool(seed: UInt64) throws {
    let nodes = [NodeModel].pool(speeds: [8, 4, 2, 1], count: 4)
    let requests = nodes.trace(load: 0.7, TraceGenerator(rate: 1, requestCount: 1500, seed: seed))
    let own = run(nodes, requests, .foreseen, seed: seed)
    for (other, end, start) in [
      (RoutingPolicyName.powerOfTwo, 0.7, 0.6), (.roundRobin, 0.5, 0.4), (.leastWork, 0.75, 0.6),
      (.leastLoaded, 0.8, 0.95),
    ] {
      let theirs = run(nodes, requests, other, seed: seed)
      for (latency, factor) in [(SimulationResult.Latency.e2e, end), (.ttft, start)] {
        let (ours, their) = (try #require(own.percentile(0.5, latency)), try #require(theirs.percentile(0.5, latency)))
        #expect(ours < factor * their, "seed \(seed), \(latency): \(ours) s, \(other.rawValue) \(their) s")
      }
    }
  }

  @Test("On equal nodes it is no worse than what counts jobs, whichever way their queues go", arguments: [1, 2])
  func equalPool(seed: UInt64) throws {
    let nodes = [NodeModel].pool(speeds: [4], count: 4)
    let requests = nodes.trace(load: 0.7, TraceGenerator(rate: 1, requestCount: 1500, seed: seed))
    let own = run(nodes, requests, .foreseen, seed: seed)
    for order in [QueueOrder.due, .arrival] {
      let theirs = run(nodes, requests, .leastLoaded, seed: seed, order: order)
      for latency in [SimulationResult.Latency.e2e, .ttft] {
        let (ours, their) = (try #require(own.percentile(0.5, latency)), try #require(theirs.percentile(0.5, latency)))
        #expect(ours < 1.02 * their, "seed \(seed), \(latency), \(order): \(ours) s and \(their) s")
      }
    }
  }

  @Test(
    "Three models on nodes that hold one engine each: engines seldom go, and requests do not queue for loads",
    arguments: [1, 11])
  func severalModels(seed: UInt64) throws {
    let nodes = [NodeModel].pool(speeds: [8, 4, 2, 1], count: 8)
    var generator = TraceGenerator(rate: 1, requestCount: 1000, seed: seed)
    generator.modelCount = 3
    let requests = nodes.trace(load: 0.7, generator)
    let own = run(nodes, requests, .foreseen, seed: seed)
    let theirs = run(nodes, requests, .leastLoaded, seed: seed)
    #expect(own.loadCount < 30 && theirs.loadCount > 5 * own.loadCount, "\(own.loadCount), \(theirs.loadCount) loads")
    let (ours, their) = (try #require(own.percentile(0.5, .e2e)), try #require(theirs.percentile(0.5, .e2e)))
    #expect(ours < 0.5 * their, "seed \(seed): \(ours) s and \(their) s")
  }

  @Test("Baselines queue as they came, unless told otherwise")
  func order() {
    let nodes = [NodeModel(name: "n", prefillRate: 1000, decodeRate: 100, slotCount: 1)]
    // A first one, then a long one and a short one that wait for it.
    let requests = [(0.0, 100), (0.1, 1000), (0.2, 20)].enumerated().map { place, request in
      TraceRequest(
        seconds: request.0, prompt: [TraceRequest.Segment(source: UInt64(place), tokens: 100)], outputTokens: request.1)
    }
    func goesFirst(_ policy: RoutingPolicyName, _ order: QueueOrder?) -> Int {
      let result = run(nodes, requests, policy, seed: 1, order: order)
      return result.requests[1].endedAt < result.requests[2].endedAt ? 1 : 2
    }
    #expect(goesFirst(.leastLoaded, nil) == 1 && goesFirst(.leastLoaded, .due) == 2)
    #expect(goesFirst(.foreseen, nil) == 2 && goesFirst(.foreseen, .arrival) == 1)
  }

  @Test(
    "A node that slows to half has the share and the slowest requests within 50 outcomes that it has when told at once")
  func slows() throws {
    let nodes = [NodeModel].pool(speeds: [4], count: 4)
    let requests = nodes.trace(load: 0.6, TraceGenerator(rate: 1, requestCount: 1500, seed: 1))
    let faults = [NodeFault(node: 0, seconds: requests[requests.count / 3].seconds, kind: .slow(2))]
    let learned = run(nodes, requests, .foreseen, seed: 1, faults: faults)
    let told = run(nodes, requests, .foreseen, seed: 1, faults: faults, isHindsight: true)
    let change = try #require(learned.slowed)
    let (own, known) = (
      learned.stretches(around: change, outcomes: 50), told.stretches(around: change, outcomes: 50)
    )
    #expect(own[1].share < 0.75 * own[0].share && own[2].share < 0.75 * own[0].share, "\(own)")
    #expect(own[2].share < 1.5 * known[2].share, "\(own), \(known)")
    #expect(own[2].p99Seconds < 1.25 * known[2].p99Seconds, "\(own), \(known)")
  }

  @Test("A node that comes with nothing loaded is used within ten requests")
  func joins() throws {
    let nodes = [NodeModel].pool(speeds: [4], count: 4)
    let requests = nodes.trace(load: 0.6, TraceGenerator(rate: 1, requestCount: 900, seed: 1))
    let faults = [NodeFault(node: 1, seconds: requests[requests.count / 2].seconds, kind: .join)]
    let joined = run(nodes, requests, .foreseen, seed: 1, faults: faults)
    let change = try #require(joined.joined)
    let first = try #require(joined.requestsUntilUse(of: change))
    #expect(first <= 10)
  }
}
