import Foundation
import Messaging
import Serving
import Testing

@Suite("Programs that speak another version of the protocol are refused by name, on either side", .serialized)
struct ProtocolVersionTests {
  /// The next version, which nobody speaks.
  private let other = protocolVersion + 1

  @Test("A peer of another version is told both versions, and the coordinator goes on serving the others")
  func strangeWorker() async throws {
    try await withCluster(workers: ["w1"]) { cluster in
      try await cluster.startCoordinator()
      let ring = KeyRing(directory: cluster.state + "/keys")
      let address = try String(contentsOfFile: cluster.state + "/coordinator.address", encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let peer = try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(
          address: address, keys: try ring.pair("w1"), serverKey: try ring.publicKey("coordinator")))
      defer { peer.close() }
      var refusal: ApusError?
      for await event in peer.events {
        if case .connected = event { try await peer.send(.hello(Hello(version: other, role: .worker))) }
        if case .message(.refused(let error)) = event {
          refusal = error
          break
        }
      }
      let error = try #require(refusal)
      #expect(error.code == .unavailable && error.reason.contains("version \(other)"), "\(error)")
      #expect(error.reason.contains("version \(protocolVersion)"), "\(error)")
      #expect(try await cluster.run(["workers", "--json"]).status == 0)
    }
  }

  @Test("A worker that meets a coordinator of another version ends with 69 and says what to do")
  func strangeCoordinator() async throws {
    try await withCluster(workers: ["w1"]) { cluster in
      let ring = KeyRing(directory: cluster.state + "/keys")
      let server = try ZeroMQServerEndpoint(
        options: ServerOptions(
          address: "tcp://127.0.0.1:0", keys: try ring.pairMakingIfNeeded("coordinator"),
          authorized: AuthorizedKeys(ring: ring)))
      defer { server.stop() }
      try server.start { [other, weak server] peer, message in
        guard case .hello = message else { return }
        _ = server?.send(.welcome(Welcome(version: other, peer: peer.name, heartbeatMS: 300)), to: peer)
      }
      let output = try await cluster.run(["worker", "--name", "w1", "--coordinator", server.address])
      #expect(output.status == 69 && output.standardError.contains("protocol \(other)"), "\(output)")
      #expect(output.standardError.contains("same version of apus"), "\(output)")
    }
  }
}
