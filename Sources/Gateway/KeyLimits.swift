import Serving

/// How many requests are answered at once, and how often and how often at once each API key may ask. Pure: it is told the
/// time.
///
/// A key's allowance fills up evenly and holds a minute's worth at most (a token bucket), so a burst is allowed once. No key
/// may have more of the gateway's places than it leaves free, so that none can keep the others out.
struct KeyLimits: Sendable {
  private struct Use: Sendable {
    var allowance: Double
    var at: Duration
    var running = 0
  }

  let inAll: Int
  let perMinute: Int?
  let atOnce: Int?
  private var uses: [String: Use] = [:]
  private var running = 0

  init(inAll: Int, perMinute: Int?, atOnce: Int?) {
    self.inAll = inAll
    self.perMinute = perMinute
    self.atOnce = atOnce
  }

  /// Lets a request begin.
  ///
  /// - Parameter key: nil where none is asked for: there is nobody to share with then.
  /// - Throws: 429 with the seconds after which it may be tried again.
  mutating func begin(_ key: String?, at now: Duration) throws(OpenAIError) {
    guard running < inAll else {
      throw OpenAIError(
        .tooManyRequests, "\(inAll) requests are being answered already", code: "gateway_full", retryAfterSeconds: 1)
    }
    let full = Double(perMinute ?? 0)
    var use = uses[key ?? ""] ?? Use(allowance: full, at: now)
    let who = key.map { "the key \($0)" } ?? "whoever asks"
    if let atOnce, use.running >= atOnce {
      throw OpenAIError(
        .tooManyRequests, "\(who) has \(use.running) requests running, the limit is \(atOnce)",
        code: "concurrency_limit", retryAfterSeconds: 1)
    }
    if key != nil, use.running >= max(1, inAll - running) {
      throw OpenAIError(
        .tooManyRequests, "\(who) has \(use.running) of the \(running) requests that are being answered",
        code: "gateway_full", retryAfterSeconds: 1)
    }
    if perMinute != nil {
      use.allowance = min(full, use.allowance + (now - use.at).seconds * full / 60)
      guard use.allowance >= 1 else {
        let wait = Int(((1 - use.allowance) * 60 / full).rounded(.up))
        use.at = now
        uses[key ?? ""] = use
        throw OpenAIError(
          .tooManyRequests, "\(who) may ask \(Int(full)) times a minute",
          code: "rate_limit", retryAfterSeconds: max(1, wait))
      }
      use.allowance -= 1
    }
    use.at = now
    use.running += 1
    running += 1
    uses[key ?? ""] = use
  }

  mutating func end(_ key: String?) {
    uses[key ?? ""]?.running -= 1
    running -= 1
  }
}
