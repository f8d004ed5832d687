import CZeroMQ
import Synchronization

/// What happened to the connections of a socket, as libzmq's own thread saw it.
public struct MonitorEvent: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// The transport connection is there; the handshake is not.
    case connected
    /// Connecting failed and is tried again after a pause.
    case retrying
    case disconnected
    case handshakeSucceeded
    /// The peer's authenticator refused; with its three-digit status.
    case refusedByAuthenticator(status: Int)
    /// The peer broke the protocol, or is encrypted for another key; with libzmq's code.
    case protocolBroken(code: Int)
    /// The peer ended the connection in the middle of the handshake; with the C error code.
    case handshakeCutOff(code: Int32)
  }

  public var kind: Kind
  /// The address of the connection's other end, as far as libzmq knows it.
  public var address: String

  public init(kind: Kind, address: String = "") {
    self.kind = kind
    self.address = address
  }

  /// - Parameters:
  ///   - code: `ZMQ_EVENT_…`.
  ///   - value: what it means depends on the event.
  init?(code: Int32, value: UInt32, address: String) {
    switch code {
    case ZMQ_EVENT_CONNECTED: kind = .connected
    case ZMQ_EVENT_CONNECT_RETRIED: kind = .retrying
    case ZMQ_EVENT_DISCONNECTED: kind = .disconnected
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: kind = .handshakeSucceeded
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: kind = .refusedByAuthenticator(status: Int(value))
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: kind = .protocolBroken(code: Int(value))
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: kind = .handshakeCutOff(code: Int32(truncatingIfNeeded: value))
    default: return nil
    }
    self.address = address
  }
}

/// Reads the events of one socket. Lives on the thread of that socket, and not longer than it.
public struct SocketMonitor: ~Copyable {
  private static let count = Atomic<Int>(0)
  private static let events =
    ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
    | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL

  /// Readable when there are events.
  public let socket: Socket

  public init(of watched: borrowing Socket, in context: Context) throws(ZeroMQError) {
    let address = "inproc://monitor-\(Self.count.add(1, ordering: .relaxed).newValue)"
    guard zmq_socket_monitor(watched.raw, address, Self.events) == 0 else { throw ZeroMQError.last("monitor") }
    socket = try Socket(.pair, in: context, options: [.linger(milliseconds: 0)], connectedTo: address)
  }

  /// The next event without waiting; nil when there is none.
  public func next() throws(ZeroMQError) -> MonitorEvent? {
    var frame = Frame()
    while try socket.receive(into: &frame) {
      let numbers: (code: Int32, value: UInt32)? = frame.withBytes { bytes in
        bytes.count < 6
          ? nil : (Int32(bytes.loadUnaligned(as: UInt16.self)), bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
      }
      var address = ""
      if frame.hasMore, try socket.receive(into: &frame) {
        address = frame.withBytes { String(decoding: $0, as: UTF8.self) }
      }
      if let numbers, let event = MonitorEvent(code: numbers.code, value: numbers.value, address: address) {
        return event
      }
    }
    return nil
  }
}
