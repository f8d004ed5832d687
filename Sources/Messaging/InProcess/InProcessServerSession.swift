import Serving

/// The connections of an in-process server. Lives on the endpoint's loop.
final class InProcessServerSession {
  private struct Connection {
    var peer: Peer
    weak var client: InProcessClientEndpoint?
  }

  private static let budget = 256

  private var connections: [UInt32: Connection] = [:]
  private var lastNumber: UInt32 = 0
  private var receive: ((Peer, Message) -> Void)?
  private var isStopped = false

  func start(_ receive: @escaping (Peer, Message) -> Void) {
    precondition(self.receive == nil, "a server endpoint is started once")
    self.receive = receive
    for connection in connections.values { connection.client?.wakeServer() }
  }

  func stop() {
    isStopped = true
    receive = nil
    for connection in connections.values { connection.client?.lostServer() }
    connections = [:]
  }

  func attach(_ client: InProcessClientEndpoint) {
    guard !isStopped else { return client.lostServer() }
    lastNumber += 1
    let peer = Peer(name: client.name, role: client.role, connection: lastNumber)
    connections[peer.connection] = Connection(peer: peer, client: client)
    client.foundServer()
  }

  func detach(_ client: InProcessClientEndpoint, isClosed: Bool) {
    guard let connection = connection(of: client) else { return }
    // What the client sent before it went away is delivered, as it would be over a network.
    while isClosed, drain(client) {}
    connections[connection.peer.connection] = nil
    if !isClosed { client.lostServer() }
  }

  /// Delivers what the client sent, up to a budget.
  ///
  /// - Returns: whether more waits.
  func drain(_ client: InProcessClientEndpoint) -> Bool {
    guard receive != nil, let peer = connection(of: client)?.peer else { return false }
    return client.outgoing.drain(budget: Self.budget) { message in
      if let refusal = MessageDirection.refusal(of: message, from: peer) {
        client.queue.push(.message(.refused(refusal)))
      } else {
        receive?(peer, message)
      }
      return true
    }
  }

  func send(_ message: Message, to peer: Peer) -> SendResult {
    guard let client = connections[peer.connection]?.client else { return .gone }
    guard client.queue.hasRoom() else { return .full }
    client.queue.push(.message(message))
    return .sent
  }

  private func connection(of client: InProcessClientEndpoint) -> Connection? {
    connections.values.first { $0.client === client }
  }
}
