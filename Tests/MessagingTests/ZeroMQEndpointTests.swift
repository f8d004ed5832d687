import Glibc
import Messaging
import Serving
import TestKit
import Testing

/// What only the transport over TCP has: keys, ports, hostile bytes.
@Suite("ZeroMQ endpoints", .timeLimit(.minutes(10)))
struct ZeroMQEndpointTests {
  /// The refusal a peer ends with; nil when it gets in.
  private func refusal(of endpoint: ZeroMQClientEndpoint) async -> ApusError? {
    for await event in endpoint.events {
      switch event {
      case .refused(let error): return error
      case .connected: return nil
      case .disconnected, .message: continue
      }
    }
    return nil
  }

  /// A key that is let in gets in; one that is not is told so and not left waiting.
  @Test func letsInWhoIsAuthorized() async throws {
    let cluster = try TCPCluster()
    #expect(await refusal(of: try cluster.connect("friend", .client)) == nil)
    let error = try #require(await refusal(of: try cluster.connect(keys: .generate())))
    #expect(error.code == .keyRefused)
    #expect(error.advice.contains("apus keys authorize"))
    // libzmq tries again until the endpoint has closed its socket.
    #expect(cluster.server.statistics.refusedHandshakeCount >= 1)
  }

  /// A peer that was given another coordinator's key does not talk to this one, and hears that it is refused.
  @Test func refusesTheWrongCoordinator() async throws {
    let cluster = try TCPCluster()
    let keys = try cluster.ring.generate("careful", role: .client)
    let error = try #require(
      await refusal(of: try cluster.connect(keys: keys, serverKey: KeyPair.generate().publicKey)))
    #expect(error.code == .keyRefused)
    #expect(error.reason.contains(cluster.address))
  }

  /// A directory that lets nobody in lets nobody in.
  @Test func failsClosed() async throws {
    let directory = TemporaryFolder()
    let serverKeys = KeyPair.generate()
    let server = try ZeroMQServerEndpoint(
      options: ServerOptions(
        address: "tcp://127.0.0.1:0", keys: serverKeys,
        authorized: AuthorizedKeys(ring: KeyRing(directory: directory.path + "/missing"))))
    let client = try ZeroMQClientEndpoint(
      options: ZeroMQClientOptions(address: server.address, keys: .generate(), serverKey: serverKeys.publicKey))
    #expect(await refusal(of: client)?.code == .keyRefused)
    server.stop()
  }

  /// A revoked key stops at its next message: refused, not delivered, and nothing is sent to it any more.
  @Test func stopsARevokedKey() async throws {
    let cluster = try TCPCluster()
    let server = RecordingServer(cluster.server)
    try await server.start()
    let peer = ScriptedPeer(try cluster.connect("traitor", .client))
    try await peer.send(.hello(Hello(role: .client)))
    let known = await server.received(atLeast: 1)[0].peer
    #expect(await server.send(.response(id: 1, .done), to: known) == .sent)
    try cluster.ring.revoke("traitor")
    // Longer than the directory may go unread.
    try await Task.sleep(for: .milliseconds(150))
    #expect(await server.send(.response(id: 2, .done), to: known) == .gone)
    // It is told at once, as it may wait for an answer and send nothing, and again when it sends something.
    let messages = await peer.messages(2)
    #expect(messages.first == .response(id: 1, .done))
    guard case .refused(let error) = messages.last else {
      Issue.record("\(messages) ends without a refusal")
      return
    }
    #expect(error.code == .keyRefused)
    try await peer.send(.request(id: 3, .listModels))
    let again = await peer.messages(1)
    #expect(again == [.refused(error)])
    #expect(await server.received(atLeast: 1).count == 1)
    #expect(cluster.server.statistics.refusedMessageCount == 1)
    peer.close()
  }

  /// Rotating a key lets the old one in no more, and the new one under the same name.
  @Test func rotatesAKey() async throws {
    let cluster = try TCPCluster()
    let server = RecordingServer(cluster.server)
    try await server.start()
    let old = try cluster.ring.generate("node", role: .worker)
    let new = try cluster.ring.rotate("node")
    #expect(await refusal(of: try cluster.connect(keys: old))?.code == .keyRefused)
    let peer = ScriptedPeer(try cluster.connect(keys: new))
    try await peer.send(.hello(Hello(role: .worker)))
    #expect(await server.received(atLeast: 1)[0].peer.name == "node")
    peer.close()
  }

  /// Nobody listens: the peer hears that it is not connected, keeps trying, and gets in when someone does.
  @Test func keepsTrying() async throws {
    let cluster = try TCPCluster()
    cluster.server.stop()
    let peer = ScriptedPeer(try cluster.connect("patient", .client))
    #expect(await peer.waitForDisconnection())
    let server = RecordingServer(try await cluster.replaceServer())
    try await server.start()
    #expect(await peer.waitForConnection())
    try await peer.send(.hello(Hello(role: .client)))
    #expect(await server.received(atLeast: 1).count == 1)
    peer.close()
  }

  /// A port in use is an error that names the address and what to do.
  @Test func namesAPortInUse() throws {
    let cluster = try TCPCluster()
    let error = try #require(throws: ApusError.self) {
      try ZeroMQServerEndpoint(
        options: ServerOptions(
          address: cluster.address, keys: .generate(), authorized: AuthorizedKeys(ring: cluster.ring)))
    }
    #expect(error.code == .unavailable)
    #expect(error.reason.contains(cluster.address) && error.advice.contains("--bind"))
  }

  @Test(arguments: [
    "nonsense", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://:5", "ipc://x", "tcp://host:",
  ])
  func refusesBadAddresses(address: String) throws {
    let cluster = try TCPCluster()
    var error = try #require(throws: ApusError.self) {
      try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(address: address, keys: .generate(), serverKey: cluster.serverKeys.publicKey))
    }
    #expect(error.code == .usage)
    error = try #require(throws: ApusError.self) {
      try ZeroMQServerEndpoint(
        options: ServerOptions(address: address, keys: .generate(), authorized: AuthorizedKeys(ring: cluster.ring)))
    }
    #expect(error.code == .usage)
  }

  @Test func refusesABadServerKey() throws {
    let error = try #require(throws: ApusError.self) {
      try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(address: "tcp://127.0.0.1:1", keys: .generate(), serverKey: "no key"))
    }
    #expect(error.code == .badInput)
  }

  /// An answer that is too large to send becomes an answer that says so.
  @Test func answersEvenWhatItCannotSend() async throws {
    let cluster = try TCPCluster()
    let server = RecordingServer(cluster.server)
    try await server.start()
    let peer = ScriptedPeer(try cluster.connect("curious", .client))
    try await peer.send(.hello(Hello(role: .client)))
    let known = await server.received(atLeast: 1)[0].peer
    let huge = JobRecord(
      id: JobID("j"), client: "c", spec: JobSpec(model: ModelID("m"), prompt: .text(""), maxTokens: 1),
      submittedAtMS: 0, standing: JobStanding(output: String(repeating: "x", count: 5 << 20)))
    #expect(await server.send(.response(id: 7, .jobs([huge])), to: known) == .sent)
    guard case .response(7, .failure(let error)) = await peer.messages(1).first else {
      Issue.record("the question stays without an answer")
      return
    }
    #expect(error.code == .badInput)
    #expect(cluster.server.statistics.unencodableCount == 1)
    peer.close()
  }

  /// An endpoint that is dropped without being closed ends its events and its threads.
  @Test func endsWhenDropped() async throws {
    let cluster = try TCPCluster()
    var endpoint: ZeroMQClientEndpoint? = try cluster.connect("forgotten", .client)
    let events = try #require(endpoint?.events)
    endpoint = nil
    for await _ in events {}
  }
}
