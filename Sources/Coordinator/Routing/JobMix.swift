import Glibc

/// How many jobs of each key came of late, and so how many are foreseen.
///
/// Intuition: a leaky bucket for each key. Every job that comes counts one, and what was counted leaks out with the time
/// constant `memory`; what is in the bucket is what comes within another `memory` if things go on as they do.
struct JobMix: Sendable {
  /// Seconds: a few quiet minutes are no end of the work, and an hour ago says little of now.
  static let memory = 600.0
  /// Keys that are kept: those of which the most is foreseen.
  static let mostKeys = 256

  /// Jobs that are alike.
  struct Kind: Sendable {
    var key: RouteKey
    /// Foreseen within `memory`.
    var count: Double
    /// What the engine of the newest was started with.
    var contextTokens: Int
  }

  private struct Bucket: Sendable {
    var count = 0.0
    var filledAt = 0.0
    var contextTokens = 0
    /// In the order of coming, so that equal ones have one.
    var number: Int

    func count(at now: Double) -> Double { count * exp(-max(0, now - filledAt) / JobMix.memory) }

    mutating func fill(contextTokens: Int, at now: Double) {
      count = count(at: now) + 1
      filledAt = now
      self.contextTokens = contextTokens
    }
  }

  private var buckets: [RouteKey: Bucket] = [:]
  private var nextNumber = 0

  /// A job came.
  ///
  /// - Parameter contextTokens: what its engine is started with (`ContextBudget`), the model's own limit left out.
  mutating func add(_ key: RouteKey, contextTokens: Int, at now: Double) {
    buckets[key, default: Bucket(number: nextNumber)].fill(contextTokens: contextTokens, at: now)
    nextNumber += 1
    guard buckets.count > 2 * Self.mostKeys else { return }
    let kept = Set(most(Self.mostKeys, at: now).map(\.key))
    buckets = buckets.filter { kept.contains($0.key) }
  }

  /// Nothing can run jobs of this key.
  mutating func forget(_ key: RouteKey) { buckets[key] = nil }

  /// The kinds of which the most is foreseen, those first.
  func most(_ count: Int, at now: Double) -> [Kind] {
    buckets.map { ($0.key, $0.value, $0.value.count(at: now)) }
      .sorted { ($1.2, $0.1.number) < ($0.2, $1.1.number) }.prefix(count)
      .map { Kind(key: $0.0, count: $0.2, contextTokens: $0.1.contextTokens) }
  }
}
