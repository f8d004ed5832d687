import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

@Suite struct TurnEndFlushTests {
  private final class Count: ChannelOutboundHandler {
    typealias OutboundIn = Any
    var flushes = 0

    func flush(context: ChannelHandlerContext) {
      flushes += 1
      context.flush()
    }
  }

  private func connection(_ count: Count) throws -> EmbeddedChannel {
    let channel = EmbeddedChannel(handlers: [count, TurnEndFlush()])
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    return channel
  }

  private func sent(_ channel: EmbeddedChannel) throws -> String {
    var text = ""
    while let part = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: part) }
    return text
  }

  @Test("What one turn writes leaves at its end, in one piece and in order")
  func gathers() throws {
    let count = Count()
    let channel = try connection(count)
    for round in 1...2 {
      for part in ["head ", "event ", "end "] { channel.writeAndFlush(ByteBuffer(string: part), promise: nil) }
      #expect(try sent(channel).isEmpty && count.flushes == round - 1)
      channel.embeddedEventLoop.run()
      #expect(try sent(channel) == "head event end " && count.flushes == round)
    }
    channel.embeddedEventLoop.run()
    #expect(count.flushes == 2)
  }

  @Test("What was written before a close leaves before it")
  func closes() throws {
    let count = Count()
    let channel = try connection(count)
    channel.writeAndFlush(ByteBuffer(string: "last"), promise: nil)
    channel.close(promise: nil)
    channel.embeddedEventLoop.run()
    #expect(try sent(channel) == "last" && count.flushes == 1)
  }
}
