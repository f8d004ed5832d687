import NIOCore
import Synchronization

/// Knows whether the client of one connection is still there, and tells the answer that is under way when it is not.
///
/// It stands in the connection's pipeline and sees the end of what the client sends without reading its next request,
/// so that the connection can carry that request after the answer. A client that closes its sending side counts as gone.
final class ClientPresence: ChannelInboundHandler, RemovableChannelHandler, Sendable {
  typealias InboundIn = Never

  private struct State {
    var isGone = false
    var watchCount = 0
    var leave: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// Calls `leave` once when the client goes, at once when it is gone already; the answer watched for before is not told
  /// any more, as a connection carries one answer at a time.
  ///
  /// - Returns: what ends the watch.
  func watch(_ leave: @escaping @Sendable () -> Void) -> Int {
    let (watch, isGone) = state.withLock { state in
      state.watchCount += 1
      if !state.isGone { state.leave = leave }
      return (state.watchCount, state.isGone)
    }
    if isGone { leave() }
    return watch
  }

  /// Does nothing when another answer is watched for by now.
  func unwatch(_ watch: Int) {
    state.withLock { state in
      if state.watchCount == watch { state.leave = nil }
    }
  }

  private func gone() {
    let leave = state.withLock { state in
      state.isGone = true
      defer { state.leave = nil }
      return state.leave
    }
    leave?()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { gone() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    gone()
    context.fireChannelInactive()
  }
}
