import NIOCore
import NIOHTTP1

/// Tells a client that holds its body back to send it, and ends a connection after an answer that it cannot outlive, such as
/// one to bytes that are no request.
///
/// A client of HTTP/1.0 knows no chunks, so what has no length ends with the connection; all else does where it did not ask
/// to keep that (RFC 9112, section 9.3).
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

  /// A request that has no whole answer.
  private struct Request {
    var isOld: Bool
    var keepsAlive: Bool
    /// Whether its client waits before it sends its body.
    var holdsBodyBack: Bool

    init(_ head: HTTPRequestHead) {
      isOld = head.version.major < 1 || head.version == .http1_0
      keepsAlive = head.isKeepAlive
      holdsBodyBack = !isOld && head.headers.first(name: "expect")?.lowercased() == "100-continue"
    }
  }

  /// In the order in which they are answered.
  private var requests: [Request] = []
  private var isLast = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): requests.append(Request(head))
    case .body: break
    // Answered already, perhaps.
    case .end: if !requests.isEmpty { requests[requests.count - 1].holdsBodyBack = false }
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head):
      let request = requests.first
      let isOld = request?.isOld == true
      if isOld { head.version = .http1_0 }
      isLast =
        request.map { !$0.keepsAlive || $0.holdsBodyBack } ?? true
        || isOld && !head.headers.contains(name: "content-length")
      if isLast || isOld { head.headers.replaceOrAdd(name: "connection", value: isLast ? "close" : "keep-alive") }
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .body: context.write(data, promise: promise)
    case .end:
      if !requests.isEmpty { requests.removeFirst() }
      context.write(data, promise: promise)
      guard isLast else { return }
      context.flush()
      // What it still sends is read, so that it gets the answer.
      context.close(mode: .output, promise: nil)
    }
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is BodyIsWanted else { return context.triggerUserOutboundEvent(event, promise: promise) }
    if requests.first?.holdsBodyBack == true {
      requests[0].holdsBodyBack = false
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
    promise?.succeed()
  }

  /// What breaks off in a body is its route's to answer.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError, requests.isEmpty else { return context.fireErrorCaught(error) }
    let told = OpenAIError(.badRequest, "this is no HTTP request: \(error)", code: "invalid_http").json
    let headers: HTTPHeaders = ["content-type": "application/json", "content-length": String(told.bytes.count)]
    let parts: [HTTPServerResponsePart] = [
      .head(HTTPResponseHead(version: .http1_1, status: .badRequest, headers: headers)),
      .body(.byteBuffer(ByteBuffer(bytes: told.bytes))), .end(nil),
    ]
    for part in parts { write(context: context, data: wrapOutboundOut(part), promise: nil) }
  }
}
