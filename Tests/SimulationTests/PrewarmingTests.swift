import Coordinator
import Serving
import Testing

@testable import Simulation

/// What engines that are loaded before their requests come change on simulated pools.
@Suite("Nodes that load engines before their requests come")
struct PrewarmingTests {
  private func run(
    _ nodes: [NodeModel], _ requests: [TraceRequest], faults: [NodeFault], prewarms: Bool, seed: UInt64 = 1
  ) -> SimulationResult {
    var options = Simulation.Options()
    options.faults = faults
    options.prewarms = prewarms
    options.seed = seed
    return Simulation(nodes, requests, options).run()
  }

  @Test("When the fastest node restarts again and again few requests wait for its loads", arguments: [1, 2])
  func restarts(seed: UInt64) throws {
    let nodes = [NodeModel].pool(speeds: [4, 2, 1], count: 3)
    let requests = nodes.trace(load: 0.1, TraceGenerator(rate: 1, requestCount: 100, seed: seed))
    let faults = [100.0, 200, 300].flatMap { seconds in
      [
        NodeFault(node: 0, seconds: seconds, kind: .fail), NodeFault(node: 0, seconds: seconds + 5, kind: .join),
      ]
    }
    let with = run(nodes, requests, faults: faults, prewarms: true, seed: seed)
    let without = run(nodes, requests, faults: faults, prewarms: false, seed: seed)
    let (own, other) = (try #require(with.percentile(0.99, .ttft)), try #require(without.percentile(0.99, .ttft)))
    #expect(own < 0.5 * other, "\(own) s, without \(other) s")
    #expect(with.nodes[0].loadCount == 3)
  }

  @Test("Nothing changes where every node has its engine")
  func nothingToLoad() {
    let nodes = [NodeModel].pool(speeds: [8, 4, 2, 1], count: 4)
    let requests = nodes.trace(load: 0.7, TraceGenerator(rate: 1, requestCount: 300, seed: 1))
    let (with, without) = (
      run(nodes, requests, faults: [], prewarms: true), run(nodes, requests, faults: [], prewarms: false)
    )
    #expect(with.requests == without.requests && with.loadCount == 0)
  }
}
