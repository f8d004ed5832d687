import ExpertPlacement
import Serving
import Testing
import ZeroMQ

@testable import ExpertExecution

/// Batches through real hosts over CURVE: what comes out is what the model says, wherever its experts are.
@Suite("Expert hub", .timeLimit(.minutes(20)))
struct ExpertHubTests {
  /// Three matrices of 64 x 96 in single precision.
  private static let expertBytes = 73_728

  /// Every kind of placement, every encoding's default file, both layers; also after moves between them.
  @Test func resultDoesNotDependOnThePlacement() async throws {
    let cluster = try await ExpertCluster()
    let plans: [PlacementPlan] = [
      cluster.plan([[0], [0], [0], [1], [1], [1], [2], [2]]),
      cluster.plan([[0], [1], [2], [0], [1], [2], [0], [1]]),
      cluster.plan([[0, 1, 2], [0, 1], [2], [1], [0, 2], [0], [1, 2], [2]], dispatch: .locality),
      cluster.plan([[Int]](repeating: [0, 1, 2], count: 8)),
      cluster.plan([[Int]](repeating: [1], count: 8)),
      cluster.cutPlan([0.5, 0.3, 0.2]), cluster.cutPlan([0, 1, 0]),
    ]
    for (number, plan) in plans.enumerated() {
      let move = try await cluster.hub.place(plan, layers: 0..<2)
      #expect(move.layers == 2)
      for layer in 0..<2 {
        let (rows, routed) = try cluster.batch(17, layer: layer)
        let result = try await cluster.hub.run(layer: layer, rows: rows, routed: routed)
        let reference = try Reference.layer(rows, routed, layer: layer, model: cluster.model)
        #expect(Reference.relativeError(result.rows, reference) < 1e-3, "plan \(number), layer \(layer)")
        #expect(result.timing.hedged == 0 && result.timing.rerouted == 0)
      }
    }
    // What the last plan does not need is not in memory any more.
    let bytes = await cluster.hub.loadedBytes()
    let expected = 2 * 8 * Self.expertBytes
    #expect(bytes[1] == expected)
  }

  /// Each host gets a token's row once, however many of its experts the token uses.
  @Test func sendsEachHostTheRowOfATokenOnce() async throws {
    let cluster = try await ExpertCluster()
    try await cluster.hub.place(cluster.plan([[0], [0], [0], [0], [1], [1], [1], [1]]), layers: 0..<1)
    let (rows, _) = try cluster.batch(4, layer: 0)
    let routed = RoutedTokens(
      topK: 2, experts: [0, 3, 4, 7, 1, 6, 2, 1], gates: [Float](repeating: 0.5, count: 8))
    let timing = try await cluster.hub.run(layer: 0, rows: rows, routed: routed).timing
    let byHost = timing.hosts.sorted { $0.host < $1.host }
    #expect(byHost.map(\.host) == [0, 1], "host 2 has nothing to do")
    #expect(byHost.map(\.rows) == [3, 2])
    #expect(byHost.map(\.pairs) == [5, 3])
  }

  /// Rows of more than one message go and come in parts.
  @Test func cutsLargeBatchesIntoMessagesOfAMegabyte() async throws {
    let cluster = try await ExpertCluster(hostCount: 2, computing: .passing)
    try await cluster.hub.place(cluster.plan([[Int]](repeating: [1], count: 8)), layers: 0..<1)
    let count = 20_000
    let rows = [Float](repeating: 0.25, count: count * 64)
    let routed = RoutedTokens(
      topK: 2, experts: (0..<count * 2).map { UInt16($0 % 8) }, gates: [Float](repeating: 0.5, count: count * 2))
    let result = try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
    #expect(result.rows == rows, "a host that passes rows on gives each back once")
    let host = try #require(result.timing.hosts.first)
    #expect(host.sentBytes > 2_900_000 && host.receivedBytes > 2_500_000)
    let rowBytes = MessageParts.rowBytes(hiddenSize: 64, topK: 2)
    let parts = MessageParts.ranges(rowCount: count, rowBytes: rowBytes)
    #expect(parts.allSatisfy { $0.count * rowBytes < 999_000 })
    #expect(parts.last?.upperBound == count)
  }

  /// A lost host's work goes to replicas, in the middle of a batch; without them the expert is named, and a plan without the
  /// host brings the model back.
  @Test func livesOnReplicasAndSaysWhatIsLost() async throws {
    // Host 1 answers only after the test has long taken it away.
    let slow = PlacementHost.Speed(operationsPerSecond: 1e3, memoryBytesPerSecond: 1e12)
    let cluster = try await ExpertCluster(emulated: [nil, slow, nil])
    let (rows, routed) = try cluster.batch(9, layer: 0)
    let reference = try Reference.layer(rows, routed, layer: 0, model: cluster.model)
    try await cluster.hub.place(
      cluster.plan([[Int]](repeating: [0], count: 4) + [[Int]](repeating: [1, 2], count: 4)), layers: 0..<1)
    let hub = cluster.hub
    async let running = hub.run(layer: 0, rows: rows, routed: routed)
    // One more question on the hub's loop: the batch has been sent by then, or is when the host is gone already.
    _ = await hub.livingHosts()
    await cluster.stop(1)
    let result = try await running
    #expect(Reference.relativeError(result.rows, reference) < 1e-3)

    await cluster.stop(2)
    let error = await #expect(throws: ApusError.self) {
      for _ in 0..<1000 { _ = try await cluster.hub.run(layer: 0, rows: rows, routed: routed) }
    }
    #expect(error?.code == .unavailable)
    let reason = error?.reason ?? ""
    #expect(reason.hasSuffix("of layer 0 has no living host; it is placed on host-1, host-2"))

    try await cluster.hub.place(cluster.plan([[Int]](repeating: [0], count: 8)), layers: 0..<1)
    let again = try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
    #expect(Reference.relativeError(again.rows, reference) < 1e-3)
  }

  /// A late host is not waited for where its experts have replicas.
  @Test func asksReplicasOfALateHost() async throws {
    let slow = PlacementHost.Speed(operationsPerSecond: 1e3, memoryBytesPerSecond: 1e12)
    let cluster = try await ExpertCluster(hostCount: 2, emulated: [nil, slow]) {
      $0.hedgeAfter = .milliseconds(20)
    }
    try await cluster.hub.place(cluster.plan([[Int]](repeating: [0, 1], count: 8)), layers: 0..<1)
    let (rows, routed) = try cluster.batch(9, layer: 0)
    let result = try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
    #expect(result.timing.hedged == 1)
    let reference = try Reference.layer(rows, routed, layer: 0, model: cluster.model)
    #expect(Reference.relativeError(result.rows, reference) < 1e-3)
  }

  /// The deadline names who did not answer.
  @Test func endsAtTheDeadline() async throws {
    let slow = PlacementHost.Speed(operationsPerSecond: 1e3, memoryBytesPerSecond: 1e12)
    let cluster = try await ExpertCluster(hostCount: 1, emulated: [slow]) { $0.deadline = .milliseconds(30) }
    try await cluster.hub.place(cluster.plan([[Int]](repeating: [0], count: 8)), layers: 0..<1)
    let (rows, routed) = try cluster.batch(2, layer: 0)
    let error = await #expect(throws: ApusError.self) {
      try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
    }
    #expect(error?.code == .tryAgain)
    #expect(error?.reason.hasSuffix("no answer from host-0") == true)
  }

  /// Batches that go on while experts move come out right, whichever placement they met.
  @Test func movesExpertsUnderBatches() async throws {
    let cluster = try await ExpertCluster()
    let plans = [
      cluster.plan([[0], [0], [0], [1], [1], [1], [2], [2]]), cluster.plan([[2], [1], [1], [0], [2], [0], [1], [0]]),
      cluster.cutPlan([0.25, 0.25, 0.5]),
    ]
    try await cluster.hub.place(plans[0], layers: 0..<2)
    let (rows, routed) = try cluster.batch(5, layer: 1)
    let reference = try Reference.layer(rows, routed, layer: 1, model: cluster.model)
    try await withThrowingTaskGroup(of: Double.self) { group in
      for _ in 0..<4 {
        group.addTask { [hub = cluster.hub] in
          var worst = 0.0
          for _ in 0..<25 {
            let result = try await hub.run(layer: 1, rows: rows, routed: routed)
            worst = max(worst, Reference.relativeError(result.rows, reference))
          }
          return worst
        }
      }
      for turn in 1...6 { try await cluster.hub.place(plans[turn % 3], layers: 0..<2, layersAtOnce: 1) }
      for try await worst in group { #expect(worst < 1e-3) }
    }
  }

  /// What batches are seen to do departs from what was planned for: a new plan is asked for, says why, moves the experts while
  /// batches go on, and the hosts' work is even again, with the same results.
  @Test func plansAgainWhenTheLoadDrifts() async throws {
    let cluster = try await ExpertCluster(hostCount: 2)
    let nodes = try PlacementCluster.equal(hostCount: 2, slotCount: 16)
    let lpt = try PlacementStrategies.named("lpt")
    /// Tokens of one task: its two hot experts, and one of the others with each.
    func routed(hot: [UInt16]) -> RoutedTokens {
      let cold = (0..<8).map { UInt16($0) }.filter { !hot.contains($0) }
      return RoutedTokens(
        topK: 2, experts: (0..<360).flatMap { [hot[$0 % 2], cold[$0 % 6]] },
        gates: [Float](repeating: 0.5, count: 720))
    }
    func load(_ routed: RoutedTokens) throws -> ExpertLoad {
      try ExpertLoad([(0..<8).map { expert in Double(routed.experts.count { Int($0) == expert }) }])
    }
    /// The computations of each host, least over most.
    func evenness(_ timing: LayerTiming) -> Double {
      let pairs = (0..<2).map { host in timing.hosts.filter { $0.host == host }.reduce(0) { $0 + $1.pairs } }
      return Double(pairs.min() ?? 0) / Double(pairs.max() ?? 1)
    }
    let planned = try load(routed(hot: [0, 1]))
    let plan = try lpt.plan(PlacementProblem(load: planned, cluster: nodes, topK: 2))
    // Both hot experts of the next task are on the same host of the plan.
    guard case .hosted(let hosts) = plan.layers[0] else {
      Issue.record("lpt cuts no experts")
      return
    }
    let second = try #require(
      (3..<8).first { hosts[$0][0].host == hosts[2][0].host }, "three cold experts are on each host")
    let next = routed(hot: [2, UInt16(second)])
    var random = Random(seed: 3)
    let rows = random.rows(360, hidden: cluster.model.hiddenSize)
    let reference = try Reference.layer(rows, next, layer: 0, model: cluster.model)

    try await cluster.hub.place(plan, layers: 0..<1)
    let calm = try await cluster.hub.run(layer: 0, rows: rows, routed: routed(hot: [0, 1]))
    #expect(evenness(calm.timing) > 0.9)
    #expect(LoadDrift(plan, planned: planned, observed: planned, cluster: nodes).reason == nil)
    let before = try await cluster.hub.run(layer: 0, rows: rows, routed: next)
    #expect(evenness(before.timing) < 0.8)
    let drift = LoadDrift(plan, planned: planned, observed: try load(next), cluster: nodes)
    let reason = try #require(drift.reason)
    #expect(reason.hasPrefix("the load has drifted"))

    let fresh = try lpt.plan(PlacementProblem(load: try load(next), cluster: nodes, topK: 2))
    let hub = cluster.hub
    async let moving = hub.place(fresh, layers: 0..<1)
    async let meanwhile = hub.run(layer: 0, rows: rows, routed: next)
    #expect(try await moving.movedBytes > 0)
    #expect(Reference.relativeError(try await meanwhile.rows, reference) < 1e-3)
    let after = try await cluster.hub.run(layer: 0, rows: rows, routed: next)
    #expect(evenness(after.timing) > 0.9)
    for result in [before, after] { #expect(Reference.relativeError(result.rows, reference) < 1e-3) }
  }

  /// A layer that nobody placed, and a hub that hosts do not know.
  @Test func saysWhatIsMissing() async throws {
    let cluster = try await ExpertCluster(hostCount: 1)
    let (rows, routed) = try cluster.batch(2, layer: 0)
    let unplaced = await #expect(throws: ApusError.self) {
      try await cluster.hub.run(layer: 0, rows: rows, routed: routed)
    }
    #expect(unplaced?.reason == "the experts of layer 0 are not placed")

    let host = CurveKeyPair.generate()
    let service = try ExpertHost(model: cluster.model, options: ExpertHostOptions(keys: host, hubKeys: []))
    let stranger = try ExpertHub(
      model: cluster.model,
      options: ExpertHubOptions(
        keys: .generate(),
        hosts: [ExpertHostAddress(name: "a", address: service.address, publicKey: host.publicKey)]))
    let refused = await #expect(throws: ApusError.self) { try await stranger.connect() }
    #expect(refused?.code == .keyRefused)
    stranger.close()
  }
}
