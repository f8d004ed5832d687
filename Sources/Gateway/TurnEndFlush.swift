import NIOCore

/// Sends what one turn of the connection's thread wrote in one piece.
///
/// The head of an answer, its first event and its end are written by themselves, each with a flush: a system call and a
/// packet for each of them, where one does for all that is there.
final class TurnEndFlush: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = Any

  private var isDue = false

  func flush(context: ChannelHandlerContext) {
    guard !isDue else { return }
    isDue = true
    context.eventLoop.assumeIsolated().execute { self.send(context) }
  }

  /// What waits leaves before the connection is closed.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    send(context)
    context.close(mode: mode, promise: promise)
  }

  private func send(_ context: ChannelHandlerContext) {
    guard isDue else { return }
    isDue = false
    context.flush()
  }
}
