import ArgumentParser
import Coordinator
import Foundation
import History
import Serving
import Simulation

/// `apus simulate`: the router on a cluster that is not there.
struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Play requests on simulated nodes under the coordinator's own router, and compare routers.",
    discussion: """
      The cluster is a pool of speeds (--pool 8:4:2:1), a YAML file (--cluster) or what the history measured (--history).
      The requests are made from a seed, or read from a trace: CSV as BurstGPT, the Azure LLM traces and Vidur have it,
      or JSON lines as Mooncake has them (README, "Routing").
      """)

  @Option(help: "Speeds of the pool's nodes, one to another.") var pool = "8:4:2:1"
  @Option(help: "Nodes of the pool, its speeds in turns. [default: one of each]") var nodes: Int?
  @Option(help: "Jobs that a node runs at once.") var slots = 4
  @Option(help: "Seconds that loading an engine takes.") var loadSeconds = 10.0
  @Option(help: "YAML file of the cluster's nodes.") var cluster: String?
  @Flag(help: "Nodes as the history measured them.") var history = false
  @Option(help: "With --history: the model whose measurements count. [default: the one measured most]")
  var model: String?
  @Option(help: "State directory whose history is read.")
  var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"

  @Option(help: "Trace file to play.") var trace: String?
  @Option(help: "Requests, of a trace its first ones. [default: 20000, all of a trace]") var requests: Int?
  @Option(help: "Mean arrivals over what the nodes can end with nothing cached. [default: 0.7, a trace's own pace]")
  var load: Double?
  @Option(help: "Models asked for, the first the most.") var models = 1
  @Option(help: "How much the rate varies: 0 is steady.") var burstiness = 0.6
  @Option(help: "Share of requests that go on with a conversation.") var multiTurn = 0.5

  @Option(
    help:
      "foreseen (the coordinator's), \(RoutingPolicyName.allCases.dropFirst().map(\.rawValue).joined(separator: ", ")), or all."
  )
  var policy = RoutingPolicyName.foreseen.rawValue
  @Option(
    help:
      "How jobs wait at a node: due (the coordinator's order), or arrival. [default: due with foreseen, arrival with the others]"
  )
  var queues: String?
  @Option(
    help:
      "Most of the requests that may go to a second node while the first is silent. [default: 0.05 with foreseen, 0 with the others]"
  )
  var hedgeShare: Double?
  @Option(help: "A node slows: NODE@SECONDS:FACTOR. May be repeated, as the next two.") var slow: [String] = []
  @Option(help: "A node is lost: NODE@SECONDS.") var fail: [String] = []
  @Option(help: "A node comes, or comes back: NODE@SECONDS.") var join: [String] = []
  @Flag(help: "Load no engine before a request asks for it.") var noPrewarm = false
  @Option(help: "How far forecasts for a node are off, as a deviation of the logarithm.") var forecastError = 0.2
  @Option(help: "Limit on the time to first token that goodput counts, in milliseconds.") var sloTtftMs = 2000.0
  @Option(help: "Limit on the time per token that goodput counts, in milliseconds.") var sloTpotMs = 100.0
  @Option(help: "Seed of everything drawn.") var seed: UInt64 = 1
  @Flag(help: "Leave out the run that knows everything, which regret is measured against.") var noRegret = false
  @Flag(help: "Print one JSON object.") var json = false

  func run() async throws {
    let policies = try chosenPolicies()
    let cluster = try await nodeModels()
    let requests = try traceRequests(cluster)
    var options = Simulation.Options()
    options.seed = seed
    options.forecastError = forecastError
    options.prewarms = !noPrewarm
    options.queueOrder = try chosenOrder()
    options.hedgeShare = try chosenHedgeShare()
    options.faults =
      try slow.map { try FaultOption.slow($0, cluster) } + fail.map { try FaultOption.fail($0, cluster) }
      + join.map { try FaultOption.join($0, cluster) }
    var best: SimulationResult?
    if !noRegret {
      var knowing = options
      knowing.isHindsight = true
      knowing.queueOrder = nil
      knowing.hedgeShare = nil
      best = Simulation(cluster, requests, knowing).run()
    }
    var runs: [SimulatedRun] = []
    for policy in policies {
      options.policy = policy
      let start = ContinuousClock.now
      let result = Simulation(cluster, requests, options).run()
      runs.append(SimulatedRun(policy: policy, result: result, took: ContinuousClock.now - start))
    }
    let output = SimulationOutput(
      runs: runs, hindsight: best, nodes: cluster, requests: requests, sloTTFTSeconds: sloTtftMs / 1000,
      sloTPOTSeconds: sloTpotMs / 1000)
    Console.print(json ? output.json.text : output.text)
  }

  private func chosenPolicies() throws(ApusError) -> [RoutingPolicyName] {
    if policy == "all" { return RoutingPolicyName.allCases }
    guard let name = RoutingPolicyName(rawValue: policy) else {
      throw ApusError(
        .usage, "--policy \(policy) is none",
        advice: "give all or one of \(RoutingPolicyName.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return [name]
  }

  private func chosenOrder() throws(ApusError) -> QueueOrder? {
    guard let queues else { return nil }
    guard let order = QueueOrder(rawValue: queues) else {
      throw ApusError(.usage, "--queues \(queues) is no order", advice: "give due or arrival")
    }
    return order
  }

  private func chosenHedgeShare() throws(ApusError) -> Double? {
    if let hedgeShare { try NumberRange.check("--hedge-share", hedgeShare, 0...0.5) }
    return hedgeShare
  }

  // MARK: The cluster

  private func nodeModels() async throws -> [NodeModel] {
    try NumberRange.check("--slots", slots, 1...1024)
    try NumberRange.check("--load-seconds", loadSeconds, 0...100_000)
    try NumberRange.check("--forecast-error", forecastError, 0...3)
    guard model == nil || history else {
      throw ApusError(.usage, "--model is of no use without --history", advice: "leave it out, or add --history")
    }
    if let cluster { return try ClusterFile.nodes(cluster) }
    if history { return try await measuredNodes() }
    let speeds = pool.split(separator: ":").compactMap { Double($0) }
    guard !speeds.isEmpty, speeds.count == pool.split(separator: ":", omittingEmptySubsequences: false).count,
      speeds.allSatisfy({ (0.001...1e6).contains($0) })
    else {
      throw ApusError(
        .usage, "--pool \(pool) is no list of speeds from 0.001 to 1000000", advice: "give such as 8:4:2:1")
    }
    let count = nodes ?? speeds.count
    try NumberRange.check("--nodes", count, 1...100_000)
    return .pool(speeds: speeds, count: count, slotCount: slots, loadSeconds: loadSeconds)
  }

  private func measuredNodes() async throws -> [NodeModel] {
    let path = StateDirectory(state).history
    guard FileManager.default.fileExists(atPath: path) else {
      throw ApusError(
        .badInput, "there is no history at \(path)", advice: "name the coordinator's state directory with --state")
    }
    let store = try SQLiteHistoryStore(path: path)
    var measurements = try await store.measurements(MeasurementFilter(), includingSamples: false).map(\.measurement)
    await store.close()
    let counts = Dictionary(grouping: measurements, by: \.model.name).mapValues(\.count)
    let name = model ?? counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    measurements = measurements.filter { $0.model.name == name || $0.model.id.rawValue == name }
    let nodes = FittedCluster.nodes(from: measurements, slotCount: slots)
    guard !nodes.isEmpty else {
      throw ApusError(
        .badInput, "no node of \(path) has three measurements of \(name ?? "a model") with one request at a time",
        advice: "measure with `apus benchmark`, or name a model that was with --model")
    }
    return nodes
  }

  // MARK: The requests

  private func traceRequests(_ nodes: [NodeModel]) throws -> [TraceRequest] {
    let load = load ?? (trace == nil ? 0.7 : nil)
    if let load { try NumberRange.check("--load", load, 0.001...10) }
    if let requests { try NumberRange.check("--requests", requests, 1...10_000_000) }
    guard let trace else {
      try NumberRange.check("--models", models, 1...64)
      try NumberRange.check("--burstiness", burstiness, 0...2)
      try NumberRange.check("--multi-turn", multiTurn, 0...1)
      var generator = TraceGenerator(rate: 1, requestCount: requests ?? 20_000, seed: seed)
      generator.modelCount = models
      generator.burstiness = burstiness
      generator.multiTurnShare = multiTurn
      return nodes.trace(load: load ?? 0.7, generator)
    }
    guard let data = FileManager.default.contents(atPath: trace) else {
      throw ApusError(.badInput, "cannot read the trace \(trace)")
    }
    let read = Array(try TraceFile.read(data, named: trace).prefix(requests ?? .max))
    return load.map { read.paced(load: $0, on: nodes) } ?? read
  }
}
