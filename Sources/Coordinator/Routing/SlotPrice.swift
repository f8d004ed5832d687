/// What a place on a node is worth to those who do not get it, in their seconds for each second that it is taken.
///
/// Intuition: a toll. Every job that comes looks at each full node and says by how much it would have been better off
/// with a place there at once; what is said of late, for each second, is what a job pays that takes a place: the shadow
/// price of a limited resource. A node with a free place, or one that nobody misses, costs nothing; of equal nodes all do
/// only when all are full. So long jobs leave the places of a fast node to many short ones, and only while those come.
struct SlotPrice: Sendable {
  private var losses = RecentRate()

  func perSecond(at now: Double) -> Double { losses.perSecond(at: now) }

  /// A job lost `seconds`, 0 or more, because no place was free.
  mutating func lost(_ seconds: Double, at now: Double) { losses.add(seconds, at: now) }
}
