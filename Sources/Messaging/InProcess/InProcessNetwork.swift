import Synchronization

/// A coordinator and its peers in one process, with the same contract as over a network: order, bounded queues, hello
/// first, reconnecting. Messages are passed as values; names and roles are taken on trust.
public final class InProcessNetwork: Sendable {
  private struct State {
    var server: InProcessServerEndpoint
    var serverCount = 1
    var clients: [Weak] = []
  }

  private struct Weak {
    weak var client: InProcessClientEndpoint?
  }

  private let queueLimit: Int
  private let state = Mutex(State(server: InProcessServerEndpoint(number: 1)))

  /// - Parameter queueLimit: most messages queued for each peer in each direction.
  public init(queueLimit: Int = 256) {
    precondition(queueLimit > 0, "limits are positive")
    self.queueLimit = queueLimit
  }

  /// The coordinator's end: the latest after `restartServer`.
  public var serverEndpoint: any ServerEndpoint { state.withLock { $0.server } }

  /// A new peer, connecting at once.
  public func connect(name: String, role: PeerRole) -> any ClientEndpoint {
    let client = InProcessClientEndpoint(name: name, role: role, queueLimit: queueLimit)
    let server = state.withLock { state in
      state.clients.removeAll { $0.client == nil }
      state.clients.append(Weak(client: client))
      return state.server
    }
    client.connect(to: server)
    return client
  }

  /// Ends the coordinator's end and puts a new one in its place, to which all peers connect again.
  public func restartServer() -> any ServerEndpoint {
    let (old, new, clients) = state.withLock { state in
      let old = state.server
      state.serverCount += 1
      state.server = InProcessServerEndpoint(number: state.serverCount)
      return (old, state.server, state.clients.compactMap(\.client))
    }
    old.stop()
    for client in clients { client.reconnect(to: new, after: old) }
    return new
  }

  /// Cuts the connections of a peer; it connects again.
  public func interrupt(name: String) {
    let clients = state.withLock { $0.clients.compactMap(\.client).filter { $0.name == name } }
    for client in clients { client.interrupt() }
  }
}
