import Messaging
import Serving

/// The tokens of one running job on their way to the coordinator. Pure; the owner sends and keeps the time.
///
/// Tokens are gathered into chunks: the first goes at once, because a user waits for it, as does one that comes later than
/// the owner's flush interval after the one before; others wait for each other up to that interval. Every chunk is kept until the job is reported: after a reconnect they go
/// again with the same first indexes and bounds, and the receiver skips what it has. A job makes at most as many
/// tokens as it asked for, which bounds what is kept.
struct TokenStream {
  /// This many waiting tokens are sent without waiting longer: more than a fast engine makes within the flush interval, whose
  /// tokens would else go in pieces of many and of few in turns.
  static let mostWaitingTokens = 64

  let job: JobID
  let lease: LeaseID
  private var chunks: [TokenChunk] = []
  private var sentCount = 0
  private var nextIndex: Int
  private var waiting = GeneratedTokens()

  /// - Parameter firstIndex: tokens that came from an earlier worker.
  init(job: JobID, lease: LeaseID, firstIndex: Int) {
    self.job = job
    self.lease = lease
    nextIndex = firstIndex
  }

  /// Takes new tokens; true when `flush` must be called within the flush interval.
  mutating func append(_ tokens: GeneratedTokens) -> Bool {
    waiting.append(tokens)
    if chunks.isEmpty || waiting.ids.count >= Self.mostWaitingTokens {
      flush()
      return false
    }
    return true
  }

  /// Makes a chunk of what waits. Text without a token has no place of its own in the stream: it waits for one, or comes
  /// with the report.
  mutating func flush() {
    guard !waiting.ids.isEmpty else { return }
    chunks.append(TokenChunk(job: job, lease: lease, firstIndex: nextIndex, waiting))
    nextIndex += waiting.ids.count
    waiting = GeneratedTokens()
  }

  /// The next chunk to send, which then counts as sent.
  mutating func next() -> TokenChunk? {
    guard sentCount < chunks.count else { return nil }
    defer { sentCount += 1 }
    return chunks[sentCount]
  }

  /// Everything goes again: the coordinator may be another process now.
  mutating func rewind() { sentCount = 0 }
}
