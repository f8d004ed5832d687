public import Serving

/// An authenticated peer of a coordinator.
public struct Peer: Hashable, Sendable {
  /// The name its key is authorized under (CURVE user id), never a name the peer chose.
  public var name: String
  public var role: PeerRole
  /// Tells two connections of one key apart; opaque.
  public var connection: UInt32

  public init(name: String, role: PeerRole, connection: UInt32) {
    self.name = name
    self.role = role
    self.connection = connection
  }
}

/// What became of a message handed to the transport.
public enum SendResult: Hashable, Sendable {
  case sent
  /// The peer's queue is at its limit: keep the message and try again later.
  case full
  /// No such connection any more.
  case gone
}

/// The coordinator's end: many peers on one address.
///
/// Everything happens on `executor`, one thread: `receive` is called there, and `send` may be called only there. An
/// actor that names this executor as its own may use `assumeIsolated` in `receive`, so that a message is decoded,
/// decided on and answered without a hop.
public protocol ServerEndpoint: AnyObject, Sendable {
  var executor: any SerialExecutor { get }
  /// Runs tasks on that same thread: for one that goes back and forth between an actor of `executor` and others. Nil
  /// where that makes no difference.
  var taskExecutor: (any TaskExecutor)? { get }
  /// The address peers connect to, with the real port.
  var address: String { get }
  /// Starts delivering. A frame that cannot be decoded is counted and answered with `refused`, never delivered.
  func start(receive: @escaping @Sendable (Peer, Message) -> Void) throws(ApusError)
  /// On `executor` only; never blocks.
  func send(_ message: Message, to peer: Peer) -> SendResult
  /// Peers are dropped, queued messages get up to a second to leave.
  func stop()
}

extension ServerEndpoint {
  public var taskExecutor: (any TaskExecutor)? { nil }
}

/// What a client endpoint sees.
public enum ConnectionEvent: Hashable, Sendable {
  case connected
  case disconnected
  case message(Message)
  /// The handshake was refused: an unknown or revoked key, or the wrong coordinator key. Nothing follows.
  case refused(ApusError)
}

/// A worker's or a client's end: one coordinator, reconnecting by itself.
public protocol ClientEndpoint: AnyObject, Sendable {
  /// In order. May be read by one task only. Reading slowly slows the sender down; nothing is dropped.
  var events: AsyncStream<ConnectionEvent> { get }
  /// Waits while the queue is at its limit. Throws once the endpoint is closed.
  func send(_ message: Message) async throws(ApusError)
  /// Runs tasks on the thread of the connection. Short tasks that read `events` or send should prefer it; nil where
  /// that makes no difference.
  var taskExecutor: (any TaskExecutor)? { get }
  func close()
}

extension ClientEndpoint {
  public var taskExecutor: (any TaskExecutor)? { nil }
}
