import Glibc
import Serving

/// Makes a trace from a seed: bursts, conversations of several turns, system prompts that many share.
///
/// Arrivals are a Poisson process whose rate changes every few seconds by a gamma factor, as production traces show it
/// (BurstGPT, KDD 2025). Lengths are log-normal. Each turn of a conversation begins with all that was said before.
public struct TraceGenerator: Sendable {
  /// Mean arrivals per second, above 0.
  public var rate: Double
  public var requestCount: Int
  public var seed: UInt64
  /// Median tokens that a turn adds to the prompt, and that it writes.
  public var promptTokens = 200.0
  public var outputTokens = 120.0
  /// Deviation of the lengths' logarithm.
  public var spread = 0.8
  /// Coefficient of variation of the rate between bursts: 0 is a steady stream.
  public var burstiness = 0.6
  /// Share of the requests that go on with a conversation.
  public var multiTurnShare = 0.5
  /// System prompts in use, and tokens of each; 0 tokens for none.
  public var systemPromptCount = 8
  public var systemPromptTokens = 256
  public var modelCount = 1
  public var clientCount = 4

  private static let longestPrompt = 8192
  private static let longestOutput = 2048
  private static let burstSeconds = 5.0
  /// Conversations that may go on.
  private static let openConversations = 512

  public init(rate: Double, requestCount: Int, seed: UInt64) {
    self.rate = rate
    self.requestCount = requestCount
    self.seed = seed
  }

  private struct Conversation {
    var number: Int
    var system: Int
    var tokens: Int
    var model: Int
    var client: Int
    /// No turn comes before the last one can have been answered and read.
    var readyAt: Double
  }

  public func requests() -> [TraceRequest] {
    var generator = SeededGenerator(seed: seed)
    var requests: [TraceRequest] = []
    requests.reserveCapacity(requestCount)
    var conversations: [Conversation] = []
    var now = 0.0
    var burstEnd = 0.0
    var factor = 1.0
    for number in 0..<requestCount {
      if now >= burstEnd {
        factor = burstFactor(&generator)
        burstEnd = now + Self.burstSeconds
      }
      now += -log(Double.random(in: Double.leastNormalMagnitude..<1, using: &generator)) / (rate * factor)
      let added = length(promptTokens, most: Self.longestPrompt, &generator)
      let output = length(outputTokens, most: Self.longestOutput, &generator)
      let ready =
        Double.random(in: 0..<1, using: &generator) < multiTurnShare
        ? conversations.indices.filter { conversations[$0].readyAt <= now }.randomElement(using: &generator) : nil
      var talk =
        ready.map { conversations.remove(at: $0) }
        ?? Conversation(
          number: number, system: Int.random(in: 0..<max(1, systemPromptCount), using: &generator), tokens: 0,
          model: Self.popular(modelCount, &generator), client: Self.popular(clientCount, &generator), readyAt: 0)
      let system = systemPromptTokens > 0 ? systemPromptTokens : 0
      talk.tokens = min(Self.longestPrompt - system, talk.tokens + added)
      requests.append(
        TraceRequest(
          seconds: now,
          prompt: [
            TraceRequest.Segment(source: UInt64(talk.system) &* 0x1234_5677 &+ seed, tokens: system),
            TraceRequest.Segment(source: UInt64(talk.number) &* 0x9E37_79B1 &+ seed &+ 1, tokens: talk.tokens),
          ], outputTokens: output, model: talk.model, client: "client-\(talk.client + 1)",
          session: "session-\(talk.number)"))
      talk.tokens += output
      talk.readyAt = now + 5 + Double(output) / 20
      if talk.tokens < Self.longestPrompt / 2 { conversations.append(talk) }
      if conversations.count > Self.openConversations { conversations.removeFirst() }
    }
    return requests
  }

  /// A mean of 1 whatever the burstiness: the sum of exponentials that a gamma with a whole shape is.
  private func burstFactor(_ generator: inout SeededGenerator) -> Double {
    guard burstiness > 0 else { return 1 }
    let shape = max(1, Int((1 / (burstiness * burstiness)).rounded()))
    let sum = (0..<shape).reduce(0.0) { sum, _ in
      sum - log(Double.random(in: Double.leastNormalMagnitude..<1, using: &generator))
    }
    return max(0.05, sum / Double(shape))
  }

  private func length(_ median: Double, most: Int, _ generator: inout SeededGenerator) -> Int {
    let radius = (-2 * log(Double.random(in: Double.leastNormalMagnitude..<1, using: &generator))).squareRoot()
    let normal = radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
    return min(most, max(1, Int(median * exp(spread * normal))))
  }

  /// One of `count`, the first ones more often (by 1, 1/2, 1/3, ...).
  private static func popular(_ count: Int, _ generator: inout SeededGenerator) -> Int {
    guard count > 1 else { return 0 }
    let weights = (1...count).map { 1 / Double($0) }
    var draw = Double.random(in: 0..<weights.reduce(0, +), using: &generator)
    for (place, weight) in weights.enumerated() {
      if draw < weight { return place }
      draw -= weight
    }
    return count - 1
  }
}
