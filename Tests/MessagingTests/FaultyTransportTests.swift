import Messaging
import Serving
import TestKit
import Testing

@Suite("Faulty transport", .timeLimit(.minutes(10)))
struct FaultyTransportTests {
  /// What the coordinator receives of 300 numbered requests over a faulty client, and the faults' seed.
  private func received(seed: UInt64, drop: Double = 0, double: Double = 0, hold: Double = 0) async throws -> [UInt64] {
    let network = InProcessNetwork()
    let server = RecordingServer(network.serverEndpoint)
    try await server.start()
    let plan = FaultPlan(seed: seed, dropShare: drop, doubleShare: double, holdShare: hold)
    let client = FaultyClientEndpoint(
      network.connect(name: "c", role: .client), incoming: FaultPlan(seed: 0), outgoing: plan)
    try await client.send(.hello(Hello(role: .client)))
    // A second hello would replace one that waits.
    _ = await server.received(atLeast: 1)
    for id in 1...300 { try await client.send(.request(id: UInt64(id), .listModels)) }
    // Introductions are never spoiled, so this one ends what was received.
    try await client.send(.hello(Hello(role: .client)))
    var entries: [RecordingServer.Entry] = []
    while entries.count(where: { $0.message == .hello(Hello(role: .client)) }) < 2 {
      entries = await server.received(atLeast: entries.count + 1)
    }
    client.close()
    await server.stop()
    return entries.compactMap { if case .request(let id, _) = $0.message { id } else { nil } }
  }

  /// The same seed spoils the same messages, another seed others.
  @Test func isDeterministic() async throws {
    let first = try await received(seed: 1, drop: 0.2, double: 0.2, hold: 0.2)
    #expect(try await received(seed: 1, drop: 0.2, double: 0.2, hold: 0.2) == first)
    #expect(try await received(seed: 2, drop: 0.2, double: 0.2, hold: 0.2) != first)
  }

  /// Each fault does what its name says, and only that.
  @Test func doesWhatItIsTold() async throws {
    #expect(try await received(seed: 3) == Array(1...300))
    let dropped = try await received(seed: 3, drop: 0.3)
    #expect(dropped.count < 250 && dropped == dropped.sorted())
    let doubled = try await received(seed: 3, double: 0.3)
    #expect(doubled.count > 350 && Set(doubled).count == 300 && doubled == doubled.sorted())
    let held = try await received(seed: 3, hold: 0.3)
    #expect(held != held.sorted() && held.count >= 297, "at most the last few are still held")
    #expect(Set(held).count == held.count)
  }

  /// The coordinator's end spoils both ways and lets go of what it holds when told.
  @Test func spoilsTheCoordinatorsEnd() async throws {
    let network = InProcessNetwork()
    let faulty = FaultyServerEndpoint(
      network.serverEndpoint, incoming: FaultPlan(seed: 1, holdShare: 1, mostOvertaking: 100),
      outgoing: FaultPlan(seed: 1, dropShare: 1))
    let server = RecordingServer(faulty)
    try await server.start()
    let client = ScriptedPeer(network.connect(name: "c", role: .client))
    try await client.send(.hello(Hello(role: .client)))
    _ = await server.received(atLeast: 1)
    try await client.send(.request(id: 1, .listModels))
    try await client.send(.hello(Hello(role: .client)))
    let before = await server.received(atLeast: 2)
    #expect(before.map(\.message) == [.hello(Hello(role: .client)), .hello(Hello(role: .client))])
    await server.run { faulty.releaseHeld() }
    #expect(await server.received(atLeast: 3).last?.message == .request(id: 1, .listModels))
    #expect(await server.send(.response(id: 1, .done), to: before[0].peer) == .sent, "a lost message looks sent")
    #expect(await server.send(.refused(ApusError(.tryAgain, "later")), to: before[0].peer) == .sent)
    #expect(await client.messages(1) == [.refused(ApusError(.tryAgain, "later"))])
    client.close()
  }
}
