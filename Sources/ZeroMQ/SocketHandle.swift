import CZeroMQ

/// libzmq's pointer while a socket is being set up. A move-only `Socket` must be whole before anything can fail, so
/// what can fail happens here first.
struct SocketHandle {
  let raw: UnsafeMutableRawPointer

  static func open(
    _ kind: Socket.Kind, in context: Context, options: [SocketOption], connectedTo address: String? = nil
  ) throws(ZeroMQError) -> SocketHandle {
    let type =
      switch kind {
      case .router: ZMQ_ROUTER
      case .dealer: ZMQ_DEALER
      case .reply: ZMQ_REP
      case .pair: ZMQ_PAIR
      }
    guard let raw = zmq_socket(context.raw, type) else { throw ZeroMQError.last("open a \(kind) socket") }
    let handle = SocketHandle(raw: raw)
    do throws(ZeroMQError) {
      for option in options { try option.apply(to: handle) }
      if let address { try handle.connect(address) }
    } catch {
      zmq_close(raw)
      throw error
    }
    return handle
  }

  func connect(_ address: String) throws(ZeroMQError) {
    if zmq_connect(raw, address) != 0 { throw ZeroMQError.last("connect \(address)") }
  }

  func set<Number: BitwiseCopyable>(_ option: Int32, _ number: Number, _ name: String) throws(ZeroMQError) {
    var number = number
    if zmq_setsockopt(raw, option, &number, MemoryLayout<Number>.size) != 0 { throw ZeroMQError.last("set \(name)") }
  }

  func set(_ option: Int32, text: String, _ name: String) throws(ZeroMQError) {
    var text = text
    let result = text.withUTF8 { zmq_setsockopt(raw, option, $0.baseAddress, $0.count) }
    if result != 0 { throw ZeroMQError.last("set \(name)") }
  }
}
