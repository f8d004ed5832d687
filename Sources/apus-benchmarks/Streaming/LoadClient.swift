import NIOCore
import NIOPosix
import Serving

/// Asks a gateway, or an engine itself, one streamed completion after another over each of some connections, which are kept
/// alive as OpenAI's clients keep theirs.
struct LoadClient {
  enum Dialect { case openAI, llamaCpp }

  let port: Int
  var dialect = Dialect.openAI
  /// Connections, each of which has one request under way.
  let atOnce: Int

  /// Streams `requests` answers of `tokens` tokens each.
  ///
  /// - Parameter prompt: as it stands between the quotes of JSON.
  /// - Throws: `unavailable` when an answer is a refusal, breaks off or has another number of tokens.
  func run(requests: Int, tokens: Int, prompt: String) async throws {
    let (path, limit) = dialect == .openAI ? ("/v1/completions", "max_tokens") : ("/completion", "n_predict")
    let body = """
      {"model": "tiny", "prompt": "\(prompt)", "\(limit)": \(tokens), "stream": true}
      """
    let request =
      "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let end = dialect == .openAI ? Asker.openAIEnd : Asker.bodyEnd
    let shares = (0..<atOnce).map { requests * ($0 + 1) / atOnce - requests * $0 / atOnce }
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let port = port
    try await withThrowingTaskGroup(of: Void.self) { group in
      for share in shares where share > 0 {
        group.addTask {
          let done = loop.makePromise(of: Void.self)
          let bootstrap = ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
              channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                  Asker(request: Array(request.utf8), end: end, tokens: tokens, count: share, done))
              }
            }
          let channel: any Channel
          do {
            channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
          } catch {
            done.fail(error)
            throw error
          }
          try await done.futureResult.get()
          try await channel.close().get()
        }
      }
      try await group.waitForAll()
    }
  }

  /// One connection.
  private final class Asker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: [UInt8]
    /// The last bytes of an answer that did not fail.
    private let end: [UInt8]
    private let tokens: Int
    private var left: Int
    private let done: EventLoopPromise<Void>
    private var answer: [UInt8] = []

    init(request: [UInt8], end: [UInt8], tokens: Int, count: Int, _ done: EventLoopPromise<Void>) {
      self.request = request
      self.end = end
      self.tokens = tokens
      left = count
      self.done = done
    }

    func channelActive(context: ChannelHandlerContext) { ask(context) }

    private func ask(_ context: ChannelHandlerContext) {
      answer.removeAll(keepingCapacity: true)
      context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request)), promise: nil)
    }

    private static let ok = Array("HTTP/1.1 200".utf8)
    /// The last chunk of a body (RFC 9112, section 7.1).
    static let bodyEnd = Array("\r\n0\r\n\r\n".utf8)
    /// The last event, and that chunk.
    static let openAIEnd = Array("data: [DONE]\n\n".utf8) + bodyEnd

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      answer += unwrapInboundIn(data).readableBytesView
      let isRefusal = answer.count >= Self.ok.count && !answer.starts(with: Self.ok)
      guard !isRefusal else { return fail(context) }
      guard hasSuffix(Self.bodyEnd) else { return }
      guard hasSuffix(end), tokenCount == tokens else { return fail(context) }
      left -= 1
      if left > 0 { ask(context) } else { done.succeed() }
    }

    private func hasSuffix(_ bytes: [UInt8]) -> Bool { answer.suffix(bytes.count).elementsEqual(bytes) }

    /// The scripted engines' token t is the text ` t<number>`.
    private var tokenCount: Int {
      zip(answer.indices, answer).count { place, byte in
        byte == UInt8(ascii: " ") && place + 2 < answer.count && answer[place + 1] == UInt8(ascii: "t")
          && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(answer[place + 2])
      }
    }

    func channelInactive(context: ChannelHandlerContext) { fail(context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(context) }

    /// Nothing more where all answers are there.
    private func fail(_ context: ChannelHandlerContext) {
      let text = String(decoding: answer.prefix(400), as: UTF8.self)
      done.fail(ApusError(.unavailable, "instead of an answer of \(tokens) tokens there came \(text)"))
      context.close(promise: nil)
    }
  }
}
