/// What one stream may hold: a server that generates without end, or sends events without tokens, is stopped.
struct StreamBounds {
  /// A draft that was accepted beyond the asked length, and a last piece of text, are no fault.
  static let spareTokens = 32
  /// Events that may come for each token, such as one that names a role and one that counts.
  static let eventsPerToken = 4
  static let spareEvents = 1024

  private let maxTokens: Int
  private var tokenCount = 0
  private var eventCount = 0

  init(maxTokens: Int) { self.maxTokens = maxTokens }

  mutating func count(_ arrival: TokenArrival) throws(RequestFailure) {
    tokenCount += arrival.tokenIDs.count
    guard tokenCount - Self.spareTokens <= maxTokens else {
      throw .invalidAnswer("it goes on after \(tokenCount) tokens, though \(maxTokens) were asked for")
    }
  }

  mutating func countEvent() throws(RequestFailure) {
    eventCount += 1
    guard (eventCount - Self.spareEvents) / Self.eventsPerToken <= maxTokens else {
      throw .invalidAnswer("\(eventCount) events came for at most \(maxTokens) tokens")
    }
  }
}
