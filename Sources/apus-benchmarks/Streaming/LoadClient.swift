import NIOCore
import NIOPosix
import Serving

/// Asks a gateway one streamed completion after another over each of some connections, which are kept alive as OpenAI's
/// clients keep theirs.
struct LoadClient {
  let port: Int
  /// Connections, each of which has one request under way.
  let atOnce: Int

  /// Streams `requests` answers of `tokens` tokens each.
  ///
  /// - Throws: `unavailable` when an answer is a refusal or breaks off.
  func run(requests: Int, tokens: Int, prompt: String) async throws {
    let body = """
      {"model": "tiny", "prompt": "\(prompt)", "max_tokens": \(tokens), "stream": true}
      """
    let request =
      "POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let shares = (0..<atOnce).map { requests * ($0 + 1) / atOnce - requests * $0 / atOnce }
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let port = port
    try await withThrowingTaskGroup(of: Void.self) { group in
      for share in shares where share > 0 {
        group.addTask {
          let asker = Asker(request: Array(request.utf8), count: share, on: loop)
          let channel = try await ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
              channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(asker) }
            }
            .connect(host: "127.0.0.1", port: port).get()
          try await asker.done.futureResult.get()
          try await channel.close().get()
        }
      }
      try await group.waitForAll()
    }
  }

  /// One connection. Unchecked: everything is touched on the loop only.
  private final class Asker: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let done: EventLoopPromise<Void>
    private let request: [UInt8]
    private var left: Int
    private var answer: [UInt8] = []

    init(request: [UInt8], count: Int, on loop: any EventLoop) {
      self.request = request
      left = count
      done = loop.makePromise()
    }

    func channelActive(context: ChannelHandlerContext) { ask(context) }

    private func ask(_ context: ChannelHandlerContext) {
      answer.removeAll(keepingCapacity: true)
      context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request)), promise: nil)
    }

    /// What a streamed answer ends with: its last event, and the last chunk of the body.
    private static let end = Array("data: [DONE]\n\n\r\n0\r\n\r\n".utf8)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      answer += unwrapInboundIn(data).readableBytesView
      guard answer.suffix(Self.end.count).elementsEqual(Self.end) else {
        if !answer.starts(with: "HTTP/1.1 200".utf8), answer.count > 20 { fail(context) }
        return
      }
      left -= 1
      if left > 0 { ask(context) } else { done.succeed() }
    }

    func channelInactive(context: ChannelHandlerContext) { fail(context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(context) }

    private func fail(_ context: ChannelHandlerContext) {
      done.fail(ApusError(.unavailable, "the gateway answered \(String(decoding: answer.prefix(400), as: UTF8.self))"))
      context.close(promise: nil)
    }
  }
}
