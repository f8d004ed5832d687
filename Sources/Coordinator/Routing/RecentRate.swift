import Glibc

/// How much of something there is for each second, of late: an amount has a third of its weight `memory` seconds later.
struct RecentRate: Sendable {
  /// Seconds: a few bursts of requests, and many jobs.
  static let memory = 20.0

  private var value = 0.0
  private var seenAt = 0.0

  func perSecond(at now: Double) -> Double {
    value > 0 ? value * exp(-max(0, now - seenAt) / Self.memory) : 0
  }

  /// - Parameter amount: 0 or more.
  mutating func add(_ amount: Double, at now: Double) {
    value = perSecond(at: now) + amount / Self.memory
    seenAt = max(seenAt, now)
  }
}
