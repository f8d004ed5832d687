import Glibc

/// What a place on a node is worth to those who do not get it, in their seconds for each second that it is taken.
///
/// Intuition: a toll. Every job that comes looks at each full node and says by how much it would have been better off
/// with a place there at once; what is said of late, for each second, is what a job pays that takes a place: the shadow
/// price of a limited resource. A node with a free place, or one that nobody misses, costs nothing; of equal nodes all do
/// only when all are full. So long jobs leave the places of a fast node to many short ones, and only while those come.
struct SlotPrice: Sendable {
  /// Seconds after which what was lost has a third of its weight: a few bursts of requests, and many jobs.
  static let memory = 20.0

  private var value = 0.0
  private var seenAt = 0.0

  func perSecond(at now: Double) -> Double {
    value > 0 ? value * exp(-max(0, now - seenAt) / Self.memory) : 0
  }

  /// A job lost `seconds`, 0 or more, because no place was free.
  mutating func lost(_ seconds: Double, at now: Double) {
    value = perSecond(at: now) + seconds / Self.memory
    seenAt = max(seenAt, now)
  }
}
