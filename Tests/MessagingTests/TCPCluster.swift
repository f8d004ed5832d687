import Messaging
import Serving
import Synchronization
import TestKit

/// A coordinator's end on a free port with a key directory of its own, and peers for it.
final class TCPCluster: Sendable {
  let ring: KeyRing
  let serverKeys: KeyPair
  let address: String
  private let directory = TemporaryFolder()
  private let current: Mutex<ZeroMQServerEndpoint>

  /// Small, so that a test of full queues need not send for long.
  private static let queueLimit = 32

  init() throws {
    ring = KeyRing(directory: directory.path)
    serverKeys = try ring.generate("coordinator")
    let server = try Self.listen("tcp://127.0.0.1:*", serverKeys, ring)
    address = server.address
    current = Mutex(server)
  }

  var server: ZeroMQServerEndpoint { current.withLock { $0 } }

  private static func listen(_ address: String, _ keys: KeyPair, _ ring: KeyRing) throws -> ZeroMQServerEndpoint {
    var options = ServerOptions(address: address, keys: keys, authorized: AuthorizedKeys(ring: ring))
    options.queueLimit = queueLimit
    return try ZeroMQServerEndpoint(options: options)
  }

  /// A peer whose key is let in.
  func connect(_ name: String, _ role: PeerRole) throws -> ZeroMQClientEndpoint {
    try connect(keys: try ring.generate(name, role: role))
  }

  func connect(keys: KeyPair, serverKey: String? = nil) throws -> ZeroMQClientEndpoint {
    var options = ZeroMQClientOptions(address: address, keys: keys, serverKey: serverKey ?? serverKeys.publicKey)
    options.queueLimit = Self.queueLimit
    options.firstReconnectMS = 10
    options.mostReconnectMS = 50
    return try ZeroMQClientEndpoint(options: options)
  }

  /// Ends the coordinator's end and listens again on the same port, once the system has given it back.
  func replaceServer() async throws -> ZeroMQServerEndpoint {
    server.stop()
    // A minute at least: a busy machine takes its time.
    for _ in 0..<6000 {
      if let server = try? Self.listen(address, serverKeys, ring) {
        current.withLock { $0 = server }
        return server
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    return try Self.listen(address, serverKeys, ring)
  }
}
