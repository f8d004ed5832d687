import Serving

/// Remembers the last few thousand measurements, so that a report sent twice counts once in what is learned from it.
/// (In the history it is one row whatever comes.)
///
/// By their hashes, seeded for each process: the names of thousands of measurements would be spread over the memory,
/// and two that share 64 bits, one pair in a million billion, only cost a measurement its part in the evidence.
struct RecentIdentifiers: Sendable {
  static let limit = 4096

  private var hashes = RecentValues<Int>(limit: limit)

  /// - Returns: whether it is new.
  mutating func insert(_ id: MeasurementID) -> Bool { hashes.insert(id.hashValue) }
}
