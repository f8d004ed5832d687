import NIOCore

/// Closes the connection of a client that does not take what is written to it; its request ends then as when it goes away.
///
/// What nobody reads fills the system's buffers and then the channel's (64 KiB); then whoever writes waits, its request
/// keeps its place, and its job goes on for nobody. One write at a time is watched: it is through once all before it is
/// taken, so a client that takes a buffer's worth within the limit is left alone. Not one timer a write, because a stream
/// writes each token.
final class StalledClientHandler: ChannelOutboundHandler, RemovableChannelHandler {
  typealias OutboundIn = Any

  private let limit: TimeAmount
  private let closes: @Sendable () -> Void
  /// When the write that is watched began; nil while none is on its way.
  private var writtenAt: NIODeadline?
  /// Runs while something was written in the last `limit`.
  private var timer: Scheduled<Void>?

  /// - Parameters:
  ///   - limit: how long a write may take.
  ///   - closes: told before it closes a connection.
  init(limit: TimeAmount, closes: @escaping @Sendable () -> Void) {
    self.limit = limit
    self.closes = closes
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard writtenAt == nil else { return context.write(data, promise: promise) }
    let now = context.eventLoop.now
    writtenAt = now
    let promise = promise ?? context.eventLoop.makePromise()
    promise.futureResult.assumeIsolated().whenComplete { _ in self.writtenAt = nil }
    if timer == nil { look(context, at: now + limit) }
    context.write(data, promise: promise)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
  }

  private func look(_ context: ChannelHandlerContext, at deadline: NIODeadline) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      self.timer = nil
      guard let writtenAt = self.writtenAt else { return }
      guard context.eventLoop.now - writtenAt >= self.limit else {
        return self.look(context, at: writtenAt + self.limit)
      }
      self.closes()
      context.close(promise: nil)
    }
  }
}
