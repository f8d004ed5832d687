import DequeModule
import Serving

/// Remembers the last few thousand measurements, so that a report sent twice counts once in what is learned from it.
/// (In the history it is one row whatever comes.)
struct RecentIdentifiers: Sendable {
  static let limit = 4096

  private var order: Deque<MeasurementID> = []
  private var known: Set<MeasurementID> = []

  /// - Returns: whether it is new.
  mutating func insert(_ id: MeasurementID) -> Bool {
    guard known.insert(id).inserted else { return false }
    order.append(id)
    if order.count > Self.limit { known.remove(order.removeFirst()) }
    return true
  }
}
