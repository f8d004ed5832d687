import Serving

/// How often and how often at once each API key may ask. Pure: it is told the time.
///
/// A key's allowance fills up evenly and holds a minute's worth at most (a token bucket), so a burst is allowed once.
struct KeyLimits: Sendable {
  private struct Use: Sendable {
    var allowance: Double
    var at: Duration
    var running = 0
  }

  let perMinute: Int?
  let atOnce: Int?
  private var uses: [String: Use] = [:]

  init(perMinute: Int?, atOnce: Int?) {
    self.perMinute = perMinute
    self.atOnce = atOnce
  }

  /// Lets a request of a key begin.
  ///
  /// - Throws: 429 with the seconds after which it may be tried again.
  mutating func begin(_ key: String, at now: Duration) throws(OpenAIError) {
    let full = Double(perMinute ?? 0)
    var use = uses[key] ?? Use(allowance: full, at: now)
    if let atOnce, use.running >= atOnce {
      throw OpenAIError(
        .tooManyRequests, "the key \(key) has \(use.running) requests running, its limit is \(atOnce)",
        code: "concurrency_limit", retryAfterSeconds: 1)
    }
    if perMinute != nil {
      use.allowance = min(full, use.allowance + (now - use.at).seconds * full / 60)
      guard use.allowance >= 1 else {
        let wait = Int(((1 - use.allowance) * 60 / full).rounded(.up))
        use.at = now
        uses[key] = use
        throw OpenAIError(
          .tooManyRequests, "the key \(key) may ask \(Int(full)) times a minute", code: "rate_limit",
          retryAfterSeconds: max(1, wait))
      }
      use.allowance -= 1
    }
    use.at = now
    use.running += 1
    uses[key] = use
  }

  mutating func end(_ key: String) { uses[key]?.running -= 1 }
}
