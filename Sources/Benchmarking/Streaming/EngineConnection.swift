import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// One request over a plain connection of its own, its answer read on the connection's thread.
///
/// Each part of an answer that comes through the HTTP client passes several locks, queues and steps of other tasks, which
/// together cost more than to read a token. Here it goes to the task that waits for it. One look at the socket is read
/// ahead and no more: an engine whose tokens nobody takes is not read.
///
/// Unchecked: everything is touched on the loop only, as `onLoop` and the channel see to.
final class EngineConnection: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  /// An engine's address by number, so that no name must be looked up.
  struct Target {
    let address: SocketAddress
    /// `ADDRESS:PORT`.
    let authority: Substring
    let path: Substring

    /// Nil for other URLs than `http://ADDRESS:PORT/PATH`.
    init?(_ url: String) {
      guard url.hasPrefix("http://") else { return nil }
      let rest = url.dropFirst("http://".count)
      authority = rest.prefix { $0 != "/" }
      path = rest.dropFirst(authority.count)
      guard let colon = authority.lastIndex(of: ":"), let port = Int(authority[authority.index(after: colon)...]),
        let address = try? SocketAddress(ipAddress: String(authority[..<colon]), port: port), path.hasPrefix("/")
      else { return nil }
      self.address = address
    }
  }

  private enum Ending {
    case complete
    case failed(any Error)
  }

  private let loop: any EventLoop
  private let request: HTTPRequestHead
  private let body: [UInt8]
  private var context: ChannelHandlerContext?
  private var isCancelled = false
  private var head: HTTPResponseHead?
  /// Parts of the body that nobody took yet; each is one event or so, and has a time of its own when it is taken.
  private var parts = CircularBuffer<ByteBuffer>()
  private var ending: Ending?
  private var waiter: CheckedContinuation<Void, Never>?
  /// Whether the next part is read only once this one is taken.
  private var isHeld = false

  private init(_ target: Target, _ headers: HTTPHeaders, _ body: [UInt8], on loop: any EventLoop) {
    self.loop = loop
    self.body = body
    request = HTTPRequestHead(version: .http1_1, method: .POST, uri: String(target.path), headers: headers)
  }

  /// Sends a request and waits for the head of its answer.
  ///
  /// Call it on the loop. The connection is closed when nobody holds the answer's body any more, and when the task is
  /// cancelled.
  static func post(
    _ body: [UInt8], _ headers: HTTPHeaders, to target: Target, on loop: any EventLoop
  ) async throws -> HTTPClientResponse {
    var headers = headers
    headers.add(name: "Host", value: String(target.authority))
    headers.add(name: "Content-Length", value: String(body.count))
    let connection = EngineConnection(target, headers, body, on: loop)
    let answer = Answer(connection)
    try await withTaskCancellationHandler {
      _ = try await ClientBootstrap(group: loop)
        .connectTimeout(.seconds(10))
        .channelOption(.autoRead, value: false)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
            try pipeline.addHandler(connection)
          }
        }
        .connect(to: target.address).get()
    } onCancel: {
      connection.cancel()
    }
    let head = try await connection.answerHead()
    return HTTPClientResponse(
      version: head.version, status: head.status, headers: head.headers, body: .stream(answer))
  }

  // MARK: The task's side, on the loop

  private func answerHead() async throws -> HTTPResponseHead {
    while true {
      loop.preconditionInEventLoop()
      if let head { return head }
      try await more()
    }
  }

  fileprivate func nextPart() async throws -> ByteBuffer? {
    while true {
      loop.preconditionInEventLoop()
      if let part = parts.popFirst() { return part }
      if case .complete = ending { return nil }
      try await more()
    }
  }

  /// Waits until something came.
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
    context.write(Self.wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: body)))), promise: nil)
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

  /// The body of one answer, for one reader.
  private final class Answer: AsyncSequence, AsyncIteratorProtocol, Sendable {
    private let connection: EngineConnection

    init(_ connection: EngineConnection) { self.connection = connection }

    deinit { connection.cancel() }

    func makeAsyncIterator() -> Answer { self }
    func next() async throws -> ByteBuffer? { try await connection.nextPart() }
  }
}
