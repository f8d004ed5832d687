public import Serving

/// Tokens of one event of an engine's stream.
public struct TokenArrival: Hashable, Sendable {
  /// Stands for a token whose id the engine did not say.
  public static let unknownToken: Int32 = -1

  /// One for each token that came to light; `unknownToken` where the engine counted one without naming it.
  public var tokenIDs: [Int32]
  /// May be empty: engines hold a character back until it is complete.
  public var text: String
  /// Where they were asked for and the engine says so.
  public var logprobs: [TokenLogprob]
  /// What they add to the calls of functions.
  public var toolCalls: [ToolCallPiece]
  /// Since the request was sent, on a monotonic clock.
  public var at: Duration

  public init(
    tokenIDs: [Int32], text: String, logprobs: [TokenLogprob] = [], toolCalls: [ToolCallPiece] = [], at: Duration
  ) {
    self.tokenIDs = tokenIDs
    self.text = text
    self.logprobs = logprobs
    self.toolCalls = toolCalls
    self.at = at
  }
}
