import Serving
import Synchronization

/// A worker's or a client's end of an `InProcessNetwork`.
final class InProcessClientEndpoint: ClientEndpoint {
  let name: String
  let role: PeerRole
  let outgoing: OutgoingQueue<Message>
  let queue: EventQueue
  private let server = Mutex<InProcessServerEndpoint?>(nil)

  init(name: String, role: PeerRole, queueLimit: Int) {
    self.name = name
    self.role = role
    // Messages stay values, so there are no bytes to count.
    outgoing = OutgoingQueue(countLimit: queueLimit, sizeLimit: .max)
    queue = EventQueue(limit: queueLimit)
  }

  deinit {
    outgoing.close()
    queue.finish()
  }

  var events: AsyncStream<ConnectionEvent> { queue.stream }

  func connect(to endpoint: InProcessServerEndpoint) {
    guard !outgoing.isClosed else { return }
    server.withLock { $0 = endpoint }
    endpoint.attach(self)
  }

  func send(_ message: Message) async throws(ApusError) {
    var isHello = false
    if case .hello = message { isHello = true }
    try await outgoing.append(message, isHello: isHello, size: 0)
    wakeServer()
  }

  func close() {
    outgoing.close()
    queue.finish()
    let endpoint = server.withLock { server in
      defer { server = nil }
      return server
    }
    endpoint?.close(self)
  }

  /// Connects to `new` once `old`, which was stopped, has said that it is gone.
  func reconnect(to new: InProcessServerEndpoint, after old: InProcessServerEndpoint) {
    old.afterStop { [weak self] in self?.connect(to: new) }
  }

  /// Loses the connection and makes a new one.
  func interrupt() {
    guard let endpoint = server.withLock({ $0 }) else { return }
    endpoint.detach(self)
    endpoint.attach(self)
  }

  // MARK: Called on the server's loop

  func wakeServer() { server.withLock { $0 }?.drain(self) }

  func foundServer() {
    queue.push(.connected)
    outgoing.connected()
    wakeServer()
  }

  func lostServer() {
    outgoing.disconnected()
    queue.push(.disconnected)
  }
}
