import Messaging
import Serving
import TestKit
import Testing
import Worker

/// Workers as hosts and hubs of a model whose file they have: real sockets, in one process.
@Suite("Local experts", .timeLimit(.minutes(20)))
struct LocalExpertsTests {
  private let folder = TemporaryFolder()
  private let model = ModelID("m")

  private func experts() throws -> LocalExperts {
    let path = folder.write(MoEModel().bytes())
    return try LocalExperts(address: "tcp://127.0.0.1:*", modelPath: { $0 == ModelID("m") ? path : nil })
  }

  private func introduced(_ name: String, _ experts: LocalExperts, hub: LocalExperts) async throws -> IntroducedHost {
    IntroducedHost(
      name: WorkerName(name),
      address: try await experts.host(ExpertHosting(model: model, hubKey: hub.endpoint.publicKey)),
      publicKey: experts.endpoint.publicKey, operationsPerSecond: 1e9, memoryBandwidth: 1e9, memoryBytes: 1 << 30)
  }

  private func assignment(_ hosts: [IntroducedHost]) -> PlacementAssignment {
    PlacementAssignment(
      spec: PlacementBenchmarkSpec(
        id: BenchmarkID("b"), model: model, strategies: ["linear", "lpt"], batchSizes: [4], rounds: 1, layerCount: 1),
      hosts: hosts)
  }

  /// The hub computes a part itself, over the same sockets as the others'. Whoever was not introduced is not let in.
  @Test func onlyTheIntroducedHubIsLetIn() async throws {
    let (hub, host, stranger) = (try experts(), try experts(), try experts())
    let hosts = [try await introduced("hub", hub, hub: hub), try await introduced("host", host, hub: hub)]
    let (news, continuation) = AsyncStream.makeStream(of: PlacementNews.self)
    try await hub.run(assignment(hosts), as: WorkerName("hub")) { continuation.yield($0) }
    continuation.finish()
    var measured: [PlacementMeasurement] = []
    for await case .measured(let measurement) in news { measured.append(measurement) }
    #expect(measured.map(\.strategy) == ["linear", "lpt"])
    #expect(measured.allSatisfy { $0.hub == WorkerName("hub") && $0.figures != nil })
    #expect(measured.first?.hosts == [WorkerName("hub"), WorkerName("host")])

    let error = await #expect(throws: ApusError.self) {
      try await stranger.run(assignment(hosts), as: WorkerName("stranger")) { _ in }
    }
    #expect(error?.code == .keyRefused, "\(error?.reason ?? "")")
    for experts in [hub, host] { await experts.endHosting() }
  }

  /// A new role is for its own hub alone: the one before is not let in any more.
  @Test func aNewRoleShutsTheOldHubOut() async throws {
    let (first, second, host) = (try experts(), try experts(), try experts())
    _ = try await introduced("host", host, hub: first)
    let hosts = [try await introduced("host", host, hub: second)]
    let error = await #expect(throws: ApusError.self) {
      try await first.run(assignment(hosts), as: WorkerName("first")) { _ in }
    }
    #expect(error?.code == .keyRefused)
    try await second.run(assignment(hosts), as: WorkerName("second")) { _ in }
    await host.endHosting()
  }

  @Test func aModelThatIsNotHereIsRefused() async throws {
    let error = await #expect(throws: ApusError.self) {
      try await experts().host(ExpertHosting(model: ModelID("another"), hubKey: KeyPair.generate().publicKey))
    }
    #expect(error?.reason.contains("the model another is not here") == true)
  }

  @Test(arguments: ["tcp://0.0.0.0:*", "tcp://[::]:1", "tcp://*:7000", "127.0.0.1:1", "tcp://host", "ipc:///tmp/x", ""])
  func anAddressThatNobodyReachesIsRefused(address: String) {
    #expect(throws: ApusError.self) { try LocalExperts(address: address, modelPath: { _ in nil }) }
  }
}
