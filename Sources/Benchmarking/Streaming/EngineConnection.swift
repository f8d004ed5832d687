import Engines
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One request over a connection of its own, its answer read on the connection's thread.
///
/// Each part goes straight to whoever reads the body, on that thread: to wake a task for each would cost more than to read
/// a token, as would a pool of connections. One look at the socket is read ahead and no more: an engine whose tokens nobody
/// takes is not read.
///
/// Unchecked: everything is touched on the loop only, as `onLoop` and the channel see to.
final class EngineConnection: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private enum Ending {
    case complete
    case failed(any Error)
  }

  /// Takes a part of the body; whether it wants another now.
  typealias Taker = (ByteBuffer) throws -> Bool

  private let loop: any EventLoop
  private let request: HTTPRequestHead
  private let body: [UInt8]
  private var context: ChannelHandlerContext?
  private var isCancelled = false
  private var head: HTTPResponseHead?
  /// Parts of the body that nobody took yet; each is one event or so.
  private var parts = CircularBuffer<ByteBuffer>()
  private var taker: Taker?
  /// What the taker said of the part before.
  private var wantsMore: Result<Bool, any Error> = .success(true)
  private var ending: Ending?
  private var waiter: CheckedContinuation<Void, Never>?
  /// Whether the next part is read only once this one is taken.
  private var isHeld = false

  private init(_ head: HTTPRequestHead, _ body: [UInt8], on loop: any EventLoop) {
    self.loop = loop
    self.body = body
    request = head
  }

  /// Sends a request and waits for the head of its answer.
  ///
  /// Call it on the loop. The connection is closed when nobody holds the answer's body any more, and when the task is
  /// cancelled.
  ///
  /// - Parameter trusting: whose certificates an `https` server may have; nil for those that the system trusts.
  static func send(
    _ request: EngineRequest, on loop: any EventLoop, trusting roots: NIOSSLTrustRoots? = nil
  ) async throws -> EngineAnswer {
    guard let address = ServerAddress(request.url) else {
      throw RequestFailure.connectionLost("\(request.url) is no http or https address")
    }
    // An address by number needs no look-up.
    let numeric = try? SocketAddress(ipAddress: address.host, port: address.port)
    let tls = try address.isSecure ? roots.map(Self.tls) ?? systemTLS.get() : nil
    var head = HTTPRequestHead(
      version: .http1_1, method: request.method, uri: address.path, headers: request.headers)
    head.headers.add(name: "Host", value: address.authority)
    let connection = EngineConnection(head, request.body, on: loop)
    let body = Body(connection)
    try await withTaskCancellationHandler {
      let bootstrap = ClientBootstrap(group: loop)
        .connectTimeout(.seconds(10))
        .channelOption(.autoRead, value: false)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls {
              // Without a name the certificate is held against the address.
              let name = numeric == nil ? address.host : nil
              try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
            }
            try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
            try pipeline.addHandler(connection)
          }
        }
      if let numeric {
        _ = try await bootstrap.connect(to: numeric).get()
      } else {
        _ = try await bootstrap.connect(host: address.host, port: address.port).get()
      }
    } onCancel: {
      connection.cancel()
    }
    return EngineAnswer(head: try await connection.answerHead(), body: body)
  }

  /// Of the process: reading the system's certificates takes a while.
  private static let systemTLS = Result { try tls(trusting: .default) }

  private static func tls(trusting roots: NIOSSLTrustRoots) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = roots
    configuration.applicationProtocols = ["http/1.1"]
    return try NIOSSLContext(configuration: configuration)
  }

  // MARK: The task's side, on the loop

  private func answerHead() async throws -> HTTPResponseHead {
    while true {
      loop.preconditionInEventLoop()
      if let head { return head }
      try await more()
    }
  }

  fileprivate func read(_ taker: @escaping Taker) async throws -> Bool {
    loop.preconditionInEventLoop()
    self.taker = taker
    defer { self.taker = nil }
    wantsMore = .success(true)
    handOver()
    while try wantsMore.get() {
      if case .complete = ending { return false }
      try await more()
    }
    return true
  }

  /// Gives the taker what came, until it wants no more.
  private func handOver() {
    guard let taker else { return }
    while case .success(true) = wantsMore, let part = parts.popFirst() { wantsMore = Result { try taker(part) } }
  }

  /// Waits until something came that the taker does not just go on from.
  private func more() async throws {
    try Task.checkCancellation()
    if case .failed(let error) = ending { throw error }
    precondition(waiter == nil, "an answer is read by one task only")
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        self.waiter = waiter
        if isHeld { context?.read() }
        isHeld = false
      }
    } onCancel: {
      cancel()
    }
  }

  fileprivate func cancel() { loop.execute { self.close() } }

  private func close() {
    isCancelled = true
    context?.close(promise: nil)
  }

  // MARK: The channel's side

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if isCancelled { context.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    context.write(Self.wrapOutboundOut(.head(request)), promise: nil)
    if !body.isEmpty {
      let bytes = context.channel.allocator.buffer(bytes: body)
      context.write(Self.wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
    }
    context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch Self.unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body(let part): parts.append(part)
    case .end: ending = .complete
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isHeld = waiter == nil
    if !isHeld { context.read() }
    handOver()
    if taker != nil, ending == nil, case .success(true) = wantsMore { return }
    resume()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { end(isCancelled ? CancellationError() : ChannelError.eof) }

  private func end(_ error: any Error) {
    if ending == nil { ending = .failed(error) }
    resume()
  }

  private func resume() {
    waiter?.resume()
    waiter = nil
  }

  /// The body of one answer, for one reader. Read it on the loop.
  final class Body: Sendable {
    private let connection: EngineConnection

    fileprivate init(_ connection: EngineConnection) { self.connection = connection }

    deinit { connection.cancel() }

    /// Hands each part to `taker` as it comes, on the loop, until that wants no more or throws.
    ///
    /// - Returns: false when the answer is complete.
    func read(_ taker: @escaping Taker) async throws -> Bool { try await connection.read(taker) }

    /// All of it.
    ///
    /// - Throws: `RequestFailure.tooLong` when there is more than the limit.
    func collect(upTo limitBytes: Int) async throws -> ByteBuffer {
      var whole = ByteBuffer()
      _ = try await read { part in
        guard whole.readableBytes + part.readableBytes <= limitBytes else {
          throw RequestFailure.tooLong(limitBytes: limitBytes)
        }
        whole.writeImmutableBuffer(part)
        return true
      }
      return whole
    }
  }
}
