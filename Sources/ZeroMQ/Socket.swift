import CZeroMQ
import Glibc

/// A libzmq socket: one owner, one thread at a time, closed when its owner is gone.
///
/// Keep it in a stored property. A move-only local is destroyed after its last use, not at the end of its scope, so a
/// socket in a local variable is closed before its message has left.
public struct Socket: ~Copyable {
  public enum Kind: Sendable { case router, dealer, reply, pair }

  let handle: SocketHandle
  private let context: Context
  var raw: UnsafeMutableRawPointer { handle.raw }

  public init(_ kind: Kind, in context: Context, options: [SocketOption] = []) throws(ZeroMQError) {
    handle = try SocketHandle.open(kind, in: context, options: options)
    self.context = context
  }

  /// A socket that is connected before anyone holds it.
  init(_ kind: Kind, in context: Context, options: [SocketOption], connectedTo address: String) throws(ZeroMQError) {
    handle = try SocketHandle.open(kind, in: context, options: options, connectedTo: address)
    self.context = context
  }

  deinit { zmq_close(handle.raw) }

  public func set(_ option: SocketOption) throws(ZeroMQError) { try option.apply(to: handle) }

  public func bind(_ address: String) throws(ZeroMQError) {
    if zmq_bind(raw, address) != 0 { throw ZeroMQError.last("bind \(address)") }
  }

  /// Returns at once; the connection is made, and made again, by libzmq's own thread.
  public func connect(_ address: String) throws(ZeroMQError) { try handle.connect(address) }

  /// The address last bound, with the port the system chose.
  public var boundAddress: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      var size = buffer.count
      guard zmq_getsockopt(raw, ZMQ_LAST_ENDPOINT, buffer.baseAddress, &size) == 0, let text = buffer.baseAddress
      else { return "" }
      return String(cString: text)
    }
  }

  /// Takes the next frame without waiting.
  ///
  /// - Returns: false when there is none.
  public func receive(into frame: inout Frame) throws(ZeroMQError) -> Bool {
    while zmq_msg_recv(&frame.message, raw, ZMQ_DONTWAIT) < 0 {
      switch zmq_errno() {
      case EAGAIN: return false
      case EINTR: continue
      default: throw ZeroMQError.last("receive")
      }
    }
    return true
  }

  /// Takes what is left of a message whose last frame read was `frame`, so that the next `receive` begins a new one.
  ///
  /// - Returns: how many frames there were.
  public func discardRest(after frame: inout Frame) throws(ZeroMQError) -> Int {
    var count = 0
    // The frames of one message arrive together, so this never finds half of one.
    while frame.hasMore, try receive(into: &frame) { count += 1 }
    return count
  }

  /// Hands a frame to libzmq without waiting and empties it.
  ///
  /// - Returns: false, and the frame is as it was, when the queue is at its limit or nobody is connected.
  public func send(_ frame: inout Frame, more: Bool = false) throws(ZeroMQError) -> Bool {
    while zmq_msg_send(&frame.message, raw, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0 {
      switch zmq_errno() {
      case EAGAIN: return false
      case EINTR: continue
      default: throw ZeroMQError.last("send")
      }
    }
    return true
  }
}
