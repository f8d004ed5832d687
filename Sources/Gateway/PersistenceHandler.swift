import NIOCore
import NIOHTTP1

/// Tells a client that holds its body back to send it, and ends a connection after an answer that it cannot outlive, such as
/// one to bytes that are no request.
///
/// A client that waits for 100 Continue and is answered without it may send its body or not, so what comes next on the
/// connection is not known to be a request (RFC 9110, section 10.1.1).
final class PersistenceHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// That the body of the request is going to be read.
  struct BodyIsWanted: Sendable {}

  /// Whether the client waits before it sends its body.
  private var isBodyHeldBack = false
  private var isLast = false
  /// Requests that have no whole answer.
  private var openCount = 0

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      openCount += 1
      isBodyHeldBack = head.headers.first(name: "expect")?.lowercased() == "100-continue"
    case .body: break
    case .end: isBodyHeldBack = false
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head):
      isLast = isLast || isBodyHeldBack
      if isLast { head.headers.replaceOrAdd(name: "connection", value: "close") }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body: context.write(data, promise: promise)
    case .end:
      openCount -= 1
      context.write(data, promise: promise)
      guard isLast else { return }
      context.flush()
      // What it still sends is read, so that it gets the answer.
      context.close(mode: .output, promise: nil)
    }
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is BodyIsWanted else { return context.triggerUserOutboundEvent(event, promise: promise) }
    if isBodyHeldBack {
      isBodyHeldBack = false
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
    promise?.succeed()
  }

  /// What breaks off in a body is its route's to answer.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError, openCount == 0 else { return context.fireErrorCaught(error) }
    let told = OpenAIError(.badRequest, "this is no HTTP request: \(error)", code: "invalid_http").json
    let headers: HTTPHeaders = ["content-type": "application/json", "content-length": String(told.bytes.count)]
    openCount += 1
    isLast = true
    let parts: [HTTPServerResponsePart] = [
      .head(HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)),
      .body(.byteBuffer(ByteBuffer(bytes: told.bytes))), .end(nil),
    ]
    for part in parts { write(context: context, data: wrapOutboundOut(part), promise: nil) }
  }
}
