import Messaging

/// Says which limits were reached, now and then: each is counted, and whoever runs the coordinator is to know of it.
struct LimitLog: Sendable {
  static let interval = Duration.seconds(10)

  private static var counts: [(text: String, count: KeyPath<CoordinatorMetrics, Int>)] {
    [
      ("requests found a queue full", \.queueLimitReached),
      ("answers were dropped, as their client did not read", \.answersDropped),
      ("writes failed", \.writesFailed), ("peers were refused", \.peersRefused),
      ("streams lost a chunk", \.streamsBroken),
      ("silent jobs got no second node, as too many did of late", \.hedgeLimitReached),
    ]
  }

  private var told = CoordinatorMetrics()
  private var quietUntil = Duration.zero

  /// What was reached since this last said something; nil when nothing was, or the last time is less than `interval` ago.
  mutating func news(_ metrics: CoordinatorMetrics, at now: Duration) -> String? {
    guard now >= quietUntil else { return nil }
    let news = Self.counts.compactMap { text, count in
      let more = metrics[keyPath: count] - told[keyPath: count]
      return more > 0 ? "\(more) \(text)" : nil
    }
    guard !news.isEmpty else { return nil }
    told = metrics
    quietUntil = now + Self.interval
    return news.joined(separator: "; ")
  }
}
