import CZeroMQ
import Glibc

/// A call into libzmq that failed: which one, and the C error code.
public struct ZeroMQError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The call with what it was about, such as `bind tcp://127.0.0.1:5555`.
  public var operation: String
  public var code: Int32

  public init(operation: String, code: Int32) {
    self.operation = operation
    self.code = code
  }

  /// The failure libzmq reported last on this thread.
  static func last(_ operation: String) -> ZeroMQError {
    ZeroMQError(operation: operation, code: zmq_errno())
  }

  /// What the code means, in words.
  public var meaning: String { String(cString: zmq_strerror(code)) }
  public var description: String { "\(operation): \(meaning) (error \(code))" }

  /// Another process listens on the address.
  public var isAddressInUse: Bool { code == EADDRINUSE }
  /// A ROUTER has no connection with this routing id.
  public var isHostUnreachable: Bool { code == EHOSTUNREACH }
  /// The value of an option, or an address, has the wrong form.
  public var isInvalidArgument: Bool { code == EINVAL }
}
