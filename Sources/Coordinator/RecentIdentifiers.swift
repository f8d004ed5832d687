import DequeModule
import Serving

/// Remembers the last few thousand measurements, so that a report sent twice counts once in what is learned from it.
/// (In the history it is one row whatever comes.)
///
/// By their hashes, seeded for each process: the names of thousands of measurements would be spread over the memory,
/// and two that share 64 bits, one pair in a million billion, only cost a measurement its part in the evidence.
struct RecentIdentifiers: Sendable {
  static let limit = 4096

  private var order: Deque<Int> = []
  private var known: Set<Int> = []

  /// - Returns: whether it is new.
  mutating func insert(_ id: MeasurementID) -> Bool {
    let hash = id.hashValue
    guard known.insert(hash).inserted else { return false }
    order.append(hash)
    if order.count > Self.limit { known.remove(order.removeFirst()) }
    return true
  }
}
