import DequeModule
import Messaging

/// Messages that must not be lost while a peer's connection is full, in order for each peer.
///
/// Bounded for each connection; what does not fit is dropped and counted by the caller. A peer that leaves a thousand
/// answers unread has other worries than the next one.
struct Outbox: Sendable {
  let limit: Int
  private var waiting: [UInt32: (peer: Peer, messages: Deque<Message>)] = [:]

  init(limit: Int) { self.limit = limit }

  var isEmpty: Bool { waiting.isEmpty }

  /// Whether messages wait for this connection: then later ones must wait behind them.
  func holds(_ peer: Peer) -> Bool { !waiting.isEmpty && waiting[peer.connection] != nil }

  /// - Returns: false when the limit is reached and the message was not taken.
  mutating func keep(_ message: Message, for peer: Peer) -> Bool {
    guard waiting[peer.connection]?.messages.count ?? 0 < limit else { return false }
    waiting[peer.connection, default: (peer, [])].messages.append(message)
    return true
  }

  /// Sends what the connections take now.
  mutating func flush(_ send: (Message, Peer) -> SendResult) {
    for (connection, (peer, messages)) in waiting {
      var sentCount = 0
      var result = SendResult.sent
      for message in messages {
        result = send(message, peer)
        guard result == .sent else { break }
        sentCount += 1
      }
      if result == .gone || sentCount == messages.count {
        waiting[connection] = nil
      } else {
        waiting[connection]!.messages.removeFirst(sentCount)
      }
    }
  }
}
