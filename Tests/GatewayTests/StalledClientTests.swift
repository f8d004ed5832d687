import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// A connection in memory, whose client takes what is flushed, on a loop whose time a test moves.
@Suite struct StalledClientTests {
  private let metrics = GatewayMetrics()

  /// Whose limit is ten seconds. Made by each test for itself: its loop belongs to one thread.
  private func connection() throws -> EmbeddedChannel {
    let metrics = metrics
    let channel = EmbeddedChannel(handler: StalledClientHandler(limit: .seconds(10)) { metrics.stalled() })
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    return channel
  }

  private func isCounted(_ count: Int) -> Bool {
    var text = PrometheusText()
    metrics.write(to: &text, isConnected: true)
    return text.text.contains("apus_gateway_stalled_clients_total \(count)\n")
  }

  @Test("Who takes all there is may wait for more as long as it likes")
  func patient() throws {
    let channel = try connection()
    for _ in 0..<3 {
      channel.write(ByteBuffer(string: "a"), promise: nil)
      channel.flush()
      channel.embeddedEventLoop.advanceTime(by: .seconds(100))
    }
    #expect(channel.isActive && isCounted(0))
  }

  @Test("Who takes what waits before the limit is left alone, however slow it is")
  func slow() throws {
    let channel = try connection()
    for _ in 0..<20 {
      channel.write(ByteBuffer(string: "a"), promise: nil)
      channel.embeddedEventLoop.advanceTime(by: .seconds(9))
      channel.write(ByteBuffer(string: "b"), promise: nil)
      channel.flush()
    }
    channel.embeddedEventLoop.advanceTime(by: .seconds(100))
    #expect(channel.isActive && isCounted(0))
  }

  @Test("Who takes nothing is closed after the limit, and counted, whatever is written meanwhile")
  func stuck() throws {
    let channel = try connection()
    channel.write(ByteBuffer(string: "a"), promise: nil)
    channel.flush()
    channel.embeddedEventLoop.advanceTime(by: .seconds(7))
    let untaken = channel.eventLoop.makePromise(of: Void.self)
    channel.write(ByteBuffer(string: "b"), promise: untaken)
    channel.embeddedEventLoop.advanceTime(by: .seconds(9))
    channel.write(ByteBuffer(string: "c"), promise: nil)
    #expect(channel.isActive && isCounted(0))
    channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(!channel.isActive && isCounted(1))
    // As a real channel does with what it still has.
    untaken.fail(ChannelError.ioOnClosedChannel)
  }
}
