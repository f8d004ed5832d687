public import Serving
import ZeroMQ

/// A worker's or a client's end over TCP: a DEALER with CURVE that connects again by itself.
///
/// Sends nothing of its own. On each connection nothing leaves before the owner's hello; what waited leaves after it.
/// What was on the wire when a connection was lost is lost: the protocol sends again what must arrive.
public final class ZeroMQClientEndpoint: ClientEndpoint {
  public let taskExecutor: (any TaskExecutor)?
  private let session: LoopConfined<ClientSession>
  private let outgoing: OutgoingQueue<[UInt8]>
  private let queue: EventQueue

  /// Begins to connect.
  ///
  /// - Throws: `usage` for an address, `badInput` for a key that is none.
  public init(options: ZeroMQClientOptions) throws(ApusError) {
    precondition(options.queueLimit > 0 && options.queueBytes > 0, "limits are positive")
    try TCPAddress.check(options.address, mayChoosePort: false)
    let loop = PollLoop(name: "apus-client")
    taskExecutor = LoopTaskExecutor(loop)
    outgoing = OutgoingQueue(countLimit: options.queueLimit, sizeLimit: options.queueBytes)
    queue = EventQueue(limit: options.queueLimit)
    let session = try ClientSession(options, loop: loop, outgoing: outgoing, events: queue)
    self.session = LoopConfined(session, on: loop)
    // Weak: the queue outlives the endpoint in the hands of whoever reads it.
    queue.setRoomHandler { [weak session = self.session] in session?.perform { $0.read() } }
    self.session.perform { $0.start() }
  }

  deinit { close() }

  public var events: AsyncStream<ConnectionEvent> { queue.stream }

  public func send(_ message: Message) async throws(ApusError) {
    let bytes: [UInt8]
    do throws(CodecError) {
      bytes = try MessageCodec().encode(message)
    } catch {
      throw error.failure
    }
    var isHello = false
    if case .hello = message { isHello = true }
    try await outgoing.append(bytes, isHello: isHello, size: bytes.count)
    session.perform { $0.flush() }
  }

  public func close() {
    outgoing.close()
    queue.finish()
    session.perform { $0.close() }
  }
}
