import Messaging
import Serving
import ZeroMQ

/// A hub's connection to one host. Lives on the hub's loop.
final class HostLine {
  private final class Sockets {
    let monitor: SocketMonitor
    let dealer: Socket

    init(_ host: ExpertHostAddress, keys: CurveKeyPair) throws(ZeroMQError) {
      let context = Context()
      dealer = try Socket(
        .dealer, in: context,
        options: [
          .curveClient(serverKey: host.publicKey, keys: keys), .onlyCompleteConnections, .linger(milliseconds: 0),
          // More than every part of the largest batch.
          .sendQueueLimit(16_384), .receiveQueueLimit(16_384),
          .largestMessage(bytes: Int64(ExpertCodec.maximumMessageBytes) + 64),
          .reconnect(firstMS: 50, mostMS: 2_000), .heartbeat(intervalMS: 2_000, timeoutMS: 6_000),
          .handshakeTimeout(milliseconds: 5_000),
        ])
      monitor = try SocketMonitor(of: dealer, in: context)
      try dealer.connect(host.address)
    }
  }

  let host: ExpertHostAddress
  /// Whether it answered the hello of this connection.
  var isReady = false
  /// Experts it said it loaded on this connection.
  var loaded: Set<ExpertKey> = []
  /// Bytes of all weights it has in memory, as it last said.
  var loadedBytes = 0
  /// Why it is not used.
  var refusal: ApusError?
  private let loop: PollLoop
  private let codec = ExpertCodec()
  private var sockets: Sockets?
  private var registrations: [PollLoop.Registration] = []

  init(_ host: ExpertHostAddress, keys: CurveKeyPair, loop: PollLoop) throws(ApusError) {
    self.host = host
    self.loop = loop
    do throws(ZeroMQError) {
      sockets = try Sockets(host, keys: keys)
    } catch {
      throw ApusError(
        .usage, "cannot connect to host \(host.name): \(error)",
        advice: "give tcp://HOST:PORT and a public key of 40 characters")
    }
  }

  /// - Parameters:
  ///   - receive: called when something may be read.
  ///   - observe: called for each change of the connection.
  func start(receive: @escaping () -> Void, observe: @escaping (MonitorEvent.Kind) -> Void) {
    guard let sockets else { return }
    registrations = [
      loop.add(sockets.dealer, for: .input) { _ in receive() },
      loop.add(sockets.monitor.socket, for: .input) { [unowned self] _ in
        // What came before the connection ended counts.
        receive()
        while let sockets = self.sockets, let event = Self.next(sockets) { observe(event.kind) }
      },
    ]
  }

  private static func next(_ sockets: Sockets) -> MonitorEvent? {
    do {
      return try sockets.monitor.next()
    } catch {
      preconditionFailure("the monitor of a host's connection failed: \(error)")
    }
  }

  func close() {
    for registration in registrations { loop.remove(registration) }
    registrations = []
    sockets = nil
  }

  deinit { close() }

  // MARK: Messages

  /// - Returns: false when the host is not connected or takes no more.
  func send(_ message: ExpertMessage) -> Bool {
    guard let sockets else { return false }
    do {
      var header = Frame(copying: try codec.encode(message))
      return try sockets.dealer.send(&header)
    } catch {
      preconditionFailure("a hub's message cannot be sent: \(error)")
    }
  }

  /// One part of a request.
  ///
  /// - Parameters:
  ///   - rows: half-precision rows of the whole batch, `[token][hidden]`.
  ///   - pairs: of the request, those of the part's rows.
  /// - Returns: bytes sent; nil when the host is not connected or takes no more.
  func send(
    _ request: HostRequest, layer: Int, part: Range<Int>, pairs: Range<Int>, rows: [UInt16], hiddenSize: Int
  ) -> Int? {
    guard let sockets else { return nil }
    let header = ExpertBatchHeader(
      id: request.id, layer: layer, cut: request.cut, rowCount: request.tokens.count, rows: part, pairCount: pairs.count
    )
    do {
      let encoded = try codec.encode(.batch(header))
      var first = Frame(copying: encoded)
      var body = Frame(count: part.count * hiddenSize * 2) { target in
        rows.withUnsafeBytes { source in
          guard let from = source.baseAddress, let to = target.baseAddress else { return }
          for (place, token) in request.tokens[part].enumerated() {
            (to + place * hiddenSize * 2).copyMemory(
              from: from + Int(token) * hiddenSize * 2, byteCount: hiddenSize * 2)
          }
        }
      }
      var pairRows = Self.frame(request.rows[pairs].map { $0 - Int32(part.lowerBound) })
      var experts = Self.frame(request.experts[pairs])
      var gates = Self.frame(request.gates[pairs])
      guard try sockets.dealer.send(&first, more: true), try sockets.dealer.send(&body, more: true),
        try sockets.dealer.send(&pairRows, more: true), try sockets.dealer.send(&experts, more: true),
        try sockets.dealer.send(&gates)
      else { return nil }
      return encoded.count + part.count * hiddenSize * 2 + pairs.count * 10
    } catch {
      preconditionFailure("a hub's message cannot be sent: \(error)")
    }
  }

  private static func frame<Number: BitwiseCopyable>(_ numbers: some Collection<Number>) -> Frame {
    let list = Array(numbers)
    return Frame(count: list.count * MemoryLayout<Number>.stride) { target in
      list.withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }

  /// The next message with its frame, which is empty for those that have none; nil when nothing waits.
  ///
  /// - Parameter body: gets the bytes of the frame behind the header.
  func receive(_ body: (ExpertMessage, UnsafeRawBufferPointer, _ byteCount: Int) -> Void) -> Bool {
    guard let sockets else { return false }
    do {
      var header = Frame()
      guard try sockets.dealer.receive(into: &header) else { return false }
      let message = header.withBytes { bytes in Result { () throws(CodecError) in try codec.decode(bytes) } }
      let headerBytes = header.count
      var frame = Frame()
      if header.hasMore { _ = try sockets.dealer.receive(into: &frame) }
      // A host that sends what no host sends is asked for nothing more: its answers are missing.
      if case .success(let message) = message {
        let count = frame.count
        frame.withBytes { body(message, $0, headerBytes + count) }
      }
      _ = try sockets.dealer.discardRest(after: &frame)
      return true
    } catch {
      preconditionFailure("a hub's socket failed: \(error)")
    }
  }
}
