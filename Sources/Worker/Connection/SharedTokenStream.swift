import Messaging
import Serving
import Synchronization

/// A job's tokens between the thread that reads them and the worker that sends them: a token costs a lock and no change of
/// actor, each of which costs more than the token.
final class SharedTokenStream: Sendable {
  /// What tokens that were added ask for.
  enum Next: Hashable {
    /// There is something to send now.
    case send
    /// They go with others: a flush within the interval.
    case flushLater
  }

  private struct State {
    var tokens: TokenStream
    /// When tokens last left to be sent.
    var flushedAt = Duration.zero
    var flushIsDue = false
  }

  private let state: Mutex<State>

  init(_ tokens: TokenStream) { state = Mutex(State(tokens: tokens)) }

  /// - Parameters:
  ///   - now: monotonic time since an arbitrary origin.
  ///   - interval: most that tokens wait for others.
  func append(_ tokens: GeneratedTokens, at now: Duration, interval: Duration) -> Next {
    state.withLock { state in
      guard state.tokens.append(tokens) else {
        state.flushedAt = now
        return .send
      }
      if state.flushIsDue { return .flushLater }
      // Tokens that come slower than the interval need not wait for others, which would not come within it.
      guard now - state.flushedAt < interval else {
        state.tokens.flush()
        state.flushedAt = now
        return .send
      }
      state.flushIsDue = true
      return .flushLater
    }
  }

  /// Has tokens that wait for others leave.
  func flush(at now: Duration) {
    state.withLock { state in
      guard state.flushIsDue else { return }
      state.flushIsDue = false
      state.flushedAt = now
      state.tokens.flush()
    }
  }

  /// The next chunk to send, which then counts as sent.
  func next() -> TokenChunk? { state.withLock { $0.tokens.next() } }

  /// Everything goes again.
  func rewind() { state.withLock { $0.tokens.rewind() } }
}
