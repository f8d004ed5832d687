import CZeroMQ
import Glibc

/// One frame of a message, owned. Sending it gives its bytes to libzmq without a copy and leaves it empty.
public struct Frame: ~Copyable {
  var message = zmq_msg_t()

  public init() { zmq_msg_init(&message) }

  /// A frame whose `count` bytes `write` fills in place.
  public init<Failure: Error>(
    count: Int, _ write: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(zmq_msg_init_size(&message, count) == 0, "no memory for a frame of \(count) bytes")
    try write(UnsafeMutableRawBufferPointer(start: zmq_msg_data(&message), count: count))
  }

  public init(copying bytes: [UInt8]) {
    self.init(count: bytes.count) { target in bytes.withUnsafeBytes { target.copyMemory(from: $0) } }
  }

  deinit {
    var last = message
    zmq_msg_close(&last)
  }

  public var count: Int { mutating get { zmq_msg_size(&message) } }

  /// Whether another frame of the same message follows.
  public var hasMore: Bool { mutating get { zmq_msg_more(&message) != 0 } }

  public mutating func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let size = zmq_msg_size(&message)
    return try body(UnsafeRawBufferPointer(start: zmq_msg_data(&message), count: size))
  }

  public mutating func bytes() -> [UInt8] { withBytes { Array($0) } }

  /// The user id the authenticator gave the connection this frame came by; nil when it gave none.
  ///
  /// This, and never the routing id, says who the peer is: a peer chooses its own routing id.
  public var userID: String? {
    mutating get { zmq_msg_gets(&message, "User-Id").map { String(cString: $0) } }
  }

  /// Whether `userID` is exactly these bytes, without making a string of it.
  public mutating func hasUserID(_ expected: [UInt8]) -> Bool {
    guard let text = zmq_msg_gets(&message, "User-Id"), strlen(text) == expected.count else { return false }
    return memcmp(text, expected, expected.count) == 0
  }
}
