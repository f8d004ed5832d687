import Coordinator
import Serving
import Testing

@testable import Simulation

@Suite("Simulated nodes and clusters")
struct SimulationTests {
  private func request(_ seconds: Double, prompt: Int = 100, output: Int = 101, source: UInt64) -> TraceRequest {
    TraceRequest(
      seconds: seconds, prompt: [TraceRequest.Segment(source: source, tokens: prompt)], outputTokens: output)
  }

  private func exact(_ policy: RoutingPolicyName = .foreseen) -> Simulation.Options {
    var options = Simulation.Options()
    options.policy = policy
    options.noise = 0
    options.forecastError = 0
    return options
  }

  @Test("A request alone takes its prompt and its tokens; two at once take longer by the contention")
  func shared() {
    // 0.1 s of reading, 100 tokens of 0.01 s.
    let node = NodeModel(name: "n", prefillRate: 1000, decodeRate: 100, slotCount: 2, contention: 0.5)
    let alone = Simulation([node], [request(0, source: 1)], exact()).run()
    #expect(abs(alone.requests[0].ttftSeconds - 0.1) < 1e-9)
    #expect(abs(alone.requests[0].e2eSeconds - 1.1) < 1e-9)
    let both = Simulation([node], [request(0, source: 1), request(0, source: 2)], exact()).run()
    #expect(both.requests.allSatisfy { abs($0.e2eSeconds - 1.65) < 1e-9 })
    // The third waits for a place: both end at 1.65, then it is alone.
    let three = Simulation([node], (1...3).map { request(0, source: $0) }, exact()).run()
    #expect(abs(three.requests[2].e2eSeconds - 2.75) < 1e-9)
    #expect(abs(node.capacity(promptTokens: 100, outputTokens: 101) - 2 / 1.65) < 1e-9)
  }

  @Test("What an engine read before it does not read again, and what is not loaded loads first")
  func cacheAndLoad() {
    let node = NodeModel(name: "n", prefillRate: 1000, decodeRate: 100, loadSeconds: 3)
    var requests = [request(0, prompt: 640, source: 1), request(10, prompt: 640, source: 1)]
    var result = Simulation([node], requests, exact()).run()
    #expect(abs(result.requests[0].ttftSeconds - 0.64) < 1e-9)
    #expect(result.requests[1].cachedTokens == 640)
    #expect(result.requests[1].ttftSeconds < 0.01)
    #expect(result.loadCount == 0)
    requests[1].model = 1
    result = Simulation([node], requests, exact()).run()
    #expect(result.requests[1].cachedTokens == 0)
    #expect(abs(result.requests[1].ttftSeconds - 3.64) < 1e-9)
    #expect(result.loadCount == 1)
  }

  @Test("The same seed gives the same run; every policy ends every request", arguments: RoutingPolicyName.allCases)
  func deterministic(policy: RoutingPolicyName) {
    let nodes = [NodeModel].pool(speeds: [4, 1], count: 4)
    let requests = nodes.trace(load: 0.8, TraceGenerator(rate: 1, requestCount: 400, seed: 3))
    var options = Simulation.Options()
    options.policy = policy
    let result = Simulation(nodes, requests, options).run()
    #expect(result.requests.allSatisfy { $0.hasEnded })
    #expect(result.requests == Simulation(nodes, requests, options).run().requests)
    #expect(result.nodes.reduce(0) { $0 + $1.requestCount } == 400)
  }

  @Test("What a node was doing when it failed is done elsewhere")
  func failure() {
    let nodes = [NodeModel].pool(speeds: [2, 1], count: 3)
    let requests = nodes.trace(load: 0.5, TraceGenerator(rate: 1, requestCount: 300, seed: 2))
    var options = Simulation.Options()
    let third = requests[100].seconds
    options.faults = [
      NodeFault(node: 0, seconds: third, kind: .fail), NodeFault(node: 0, seconds: third + 60, kind: .join),
    ]
    let result = Simulation(nodes, requests, options).run()
    #expect(result.requests.allSatisfy { $0.hasEnded })
    #expect(result.nodes[0].loadCount == 1, "it comes back with nothing loaded")
  }

  @Test("A run ends where no node is left that could go on with it, and counts what was not served")
  func allNodesLost() {
    let nodes = [NodeModel].pool(speeds: [2, 1], count: 2)
    let requests = nodes.trace(load: 0.5, TraceGenerator(rate: 1, requestCount: 100, seed: 2))
    var options = Simulation.Options()
    let half = requests[50].seconds
    options.faults = [0, 1].map { NodeFault(node: $0, seconds: half, kind: .fail) }
    let lost = Simulation(nodes, requests, options).run()
    #expect(lost.unservedCount >= 49 && lost.unservedCount == lost.requests.count { !$0.hasEnded })
    #expect(lost.seconds == half)
    options.faults = [0, 1].map { NodeFault(node: $0, seconds: 0, kind: .fail) }
    #expect(Simulation(nodes, requests, options).run().unservedCount == 100)
    options.faults.append(NodeFault(node: 1, seconds: half, kind: .join))
    #expect(Simulation(nodes, requests, options).run().unservedCount == 0, "one that comes back serves them all")
  }

  @Test("Requests that a node which hangs says nothing of are given to a second one, and it gets no more of them")
  func hangingNode() throws {
    let nodes = [NodeModel].pool(speeds: [4], count: 4)
    let requests = nodes.trace(load: 0.3, TraceGenerator(rate: 1, requestCount: 600, seed: 4))
    var options = Simulation.Options()
    options.faults = [NodeFault(node: 0, seconds: requests[300].seconds, kind: .slow(1000))]
    func silentCount(share: Double?) -> (count: Int, result: SimulationResult) {
      options.hedgeShare = share
      let result = Simulation(nodes, requests, options).run()
      #expect(result.requests.allSatisfy { $0.hasEnded })
      return (result.requests.count { $0.ttftSeconds > 20 }, result)
    }
    let (without, plain) = silentCount(share: 0)
    let (with, hedged) = silentCount(share: nil)
    #expect(plain.hedgeCount == 0 && without > 0, "\(without) silent")
    #expect(with == 0 && hedged.hedgesWonCount >= without, "\(with) silent, \(hedged.hedgeCount) hedges")
    #expect(hedged.hedgeCount <= 30, "no more than the share")
    let late = requests.indices.filter { requests[$0].seconds > hedged.slowed!.seconds + 60 }
    #expect(late.count { hedged.requests[$0].node == 0 } <= late.count / 20)
    options.policy = .leastLoaded
    #expect(silentCount(share: 0.05).result.hedgeCount > 0 && silentCount(share: nil).result.hedgeCount == 0)
  }

  @Test("Where nothing hangs, hedges change nothing")
  func noHedges() {
    let nodes = [NodeModel].pool(speeds: [8, 4, 2, 1], count: 4)
    let requests = nodes.trace(load: 0.7, TraceGenerator(rate: 1, requestCount: 600, seed: 11))
    var options = Simulation.Options()
    let with = Simulation(nodes, requests, options).run()
    options.hedgeShare = 0
    #expect(with.hedgeCount == 0)
    #expect(with.requests == Simulation(nodes, requests, options).run().requests)
  }

  @Test("Nodes are fitted from measurements of one request at a time, their contention from several")
  func fitted() throws {
    func measurement(_ worker: String, concurrency: Int, ttftMS: Double, tpotMS: Double) -> Measurement {
      func summary(_ value: Double) -> LatencySummary {
        LatencySummary(meanMS: value, p50MS: value, p90MS: value, p99MS: value)
      }
      let workload = Workload(
        name: "w", promptTokens: 100...100, outputTokens: 10...10, concurrency: concurrency, requestCount: 4)
      let metrics = Metrics(
        requestCount: 4, failedRequestCount: 0, promptTokenCount: 400, outputTokenCount: 40, wallSeconds: 1,
        cpuSeconds: nil, peakMemoryBytes: nil, loadSeconds: 2, ttft: summary(ttftMS), itl: summary(tpotMS),
        tpot: summary(tpotMS), e2e: summary(ttftMS + 9 * tpotMS))
      return Measurement(
        id: MeasurementID("m"), source: .job(JobID("j")), worker: WorkerName(worker),
        hardware: HardwareProfile(
          machine: MachineID("m"), processor: "p", coreCount: 1, instructionSets: [], memoryBytes: 1,
          memoryBandwidth: 1, gemmRate: 1), model: .unknown(ModelID("model")), workload: workload,
        configuration: EngineConfiguration(engine: EngineName("e")), fidelity: .exact, engineVersion: "1",
        startedAtMS: 0, outcome: .completed(metrics))
    }
    let singles = [90.0, 100, 120].map { measurement("fast", concurrency: 1, ttftMS: $0, tpotMS: 10) }
    let shared = [measurement("fast", concurrency: 3, ttftMS: 300, tpotMS: 16)]
    let few = [measurement("few", concurrency: 1, ttftMS: 100, tpotMS: 10)]
    let nodes = FittedCluster.nodes(from: singles + shared + few, slotCount: 2)
    #expect(nodes.map(\.name) == ["fast"], "one measurement is too few")
    let node = try #require(nodes.first)
    #expect(abs(node.prefillRate - 1000) < 1e-6 && abs(node.decodeRate - 100) < 1e-6)
    #expect(abs(node.contention - 0.3) < 1e-9 && node.loadSeconds == 2)
  }
}
