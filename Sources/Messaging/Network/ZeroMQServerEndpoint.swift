public import Serving
import ZeroMQ

/// A coordinator's end over TCP: a ROUTER with CURVE that lets in the keys of a directory and nobody else.
///
/// - Peers are known by their key. A key that is revoked gets `refused` for its next message, which is not delivered,
///   and nothing is sent to it any more.
/// - A message the peer's role may not send is answered with `refused` and not delivered.
/// - Frames that are no message are counted, answered with `refused` and not delivered.
/// - Without its authenticator the socket admits nobody (see `SocketOption.authentication`).
public final class ZeroMQServerEndpoint: ServerEndpoint {
  public let address: String
  public let taskExecutor: (any TaskExecutor)?
  private let loop: PollLoop
  private let session: LoopConfined<ServerSession>
  private let counters = ServerCounters()

  /// Listens at once; what peers send waits for `start`.
  ///
  /// - Throws: `unavailable` when the address is taken, `usage` when it is none.
  public init(options: ServerOptions) throws(ApusError) {
    precondition(
      options.queueLimit > 0 && options.receiveLimit > 0 && options.drainBudget > 0 && options.connectionLimit > 0,
      "limits are positive")
    try TCPAddress.check(options.address, mayChoosePort: true)
    loop = PollLoop(name: "apus-server")
    taskExecutor = LoopTaskExecutor(loop)
    let session = try ServerSession(options, loop: loop, statistics: counters)
    address = session.address
    self.session = LoopConfined(session, on: loop)
    self.session.perform { $0.admitPeers() }
  }

  public var executor: any SerialExecutor { loop }
  public var statistics: ServerStatistics { counters.current }

  public func start(receive: @escaping @Sendable (Peer, Message) -> Void) throws(ApusError) {
    session.perform { $0.start(receive) }
  }

  public func send(_ message: Message, to peer: Peer) -> SendResult { session.value.send(message, to: peer) }

  public func stop() { session.perform { $0.stop() } }
}
