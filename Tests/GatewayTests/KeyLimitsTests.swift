import Testing

@testable import Gateway

@Suite struct KeyLimitsTests {
  @Test func aMinutesWorthThenEvenly() throws {
    var limits = KeyLimits(inAll: 10, perMinute: 60, atOnce: nil)
    for _ in 0..<60 {
      try limits.begin("a", at: .zero)
      limits.end("a")
    }
    let refused = #expect(throws: OpenAIError.self) { try limits.begin("a", at: .zero) }
    #expect(refused?.status == .tooManyRequests && refused?.retryAfterSeconds == 1)
    try limits.begin("b", at: .zero)  // another key has its own
    try limits.begin("a", at: .seconds(1))
    #expect(throws: OpenAIError.self) { try limits.begin("a", at: .seconds(1)) }
  }

  @Test func refusalsCostNothing() throws {
    var limits = KeyLimits(inAll: 10, perMinute: 1, atOnce: nil)
    try limits.begin("a", at: .zero)
    // Whoever asks too often is not kept out for longer.
    for second in stride(from: 1, to: 60, by: 1) {
      #expect(throws: OpenAIError.self) { try limits.begin("a", at: .seconds(second)) }
    }
    try limits.begin("a", at: .seconds(61))
  }

  @Test func soManyAtOnce() throws {
    var limits = KeyLimits(inAll: 10, perMinute: nil, atOnce: 2)
    try limits.begin("a", at: .zero)
    try limits.begin("a", at: .zero)
    #expect(throws: OpenAIError.self) { try limits.begin("a", at: .seconds(100)) }
    limits.end("a")
    try limits.begin("a", at: .seconds(100))
  }

  @Test("No key takes more places than it leaves, and without keys there are all of them")
  func noKeyKeepsOthersOut() throws {
    var limits = KeyLimits(inAll: 10, perMinute: nil, atOnce: nil)
    for _ in 0..<5 { try limits.begin("greedy", at: .zero) }
    let refused = #expect(throws: OpenAIError.self) { try limits.begin("greedy", at: .zero) }
    #expect(refused?.status == .tooManyRequests && refused?.code == "gateway_full")
    for _ in 0..<3 { try limits.begin("other", at: .zero) }
    #expect(throws: OpenAIError.self) { try limits.begin("other", at: .zero) }
    try limits.begin("third", at: .zero)
    limits.end("greedy")
    limits.end("greedy")
    #expect(throws: OpenAIError.self) { try limits.begin("greedy", at: .zero) }

    var open = KeyLimits(inAll: 2, perMinute: nil, atOnce: nil)
    for _ in 0..<2 { try open.begin(nil, at: .zero) }
    #expect(throws: OpenAIError.self) { try open.begin(nil, at: .zero) }
    open.end(nil)
    try open.begin(nil, at: .zero)
  }
}
