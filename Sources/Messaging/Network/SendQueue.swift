import ZeroMQ

/// Encoded messages that leave together.
///
/// libzmq's own thread sleeps between two messages that come some microseconds apart, and waking it costs more than
/// sending. So messages are gathered here until some have come together or the loop's turn ends, and go to libzmq in a
/// burst. What a connection does not take stays here, in order; until it left, nothing more is taken for that connection.
struct SendQueue {
  /// Messages in a burst: enough to share a wake-up, few enough that the first does not wait long for the last.
  static let burst = 32

  /// An object, because arrays cannot hold values that cannot be copied.
  private final class Entry {
    let peer: Peer
    @exclusivity(unchecked) var frame: Frame

    init(_ peer: Peer, _ frame: consuming Frame) {
      self.peer = peer
      self.frame = frame
    }
  }

  private var entries: [Entry] = []
  /// Connections that did not take what is still here for them.
  private var full: Set<UInt32> = []

  var isEmpty: Bool { entries.isEmpty }

  /// Whether messages to this connection are held up.
  func isFull(_ peer: Peer) -> Bool { !full.isEmpty && full.contains(peer.connection) }

  /// Takes a message for a connection that is not full.
  ///
  /// - Returns: whether enough have come together.
  @discardableResult
  mutating func add(_ frame: consuming Frame, to peer: Peer) -> Bool {
    entries.append(Entry(peer, frame))
    return entries.count >= Self.burst && full.isEmpty
  }

  /// Sends all that the connections take. `send` says how that went; what is `gone` is let go of.
  mutating func flush(_ send: (inout Frame, Peer) -> SendResult) {
    guard !entries.isEmpty else { return }
    full.removeAll(keepingCapacity: true)
    var kept = 0
    for entry in entries {
      let connection = entry.peer.connection
      if full.isEmpty || !full.contains(connection) {
        guard send(&entry.frame, entry.peer) == .full else { continue }
        full.insert(connection)
      }
      entries[kept] = entry
      kept += 1
    }
    entries.removeSubrange(kept...)
  }
}
