/// Tokens of an answer on their way to whoever asked.
public struct GeneratedTokens: Hashable, Sendable {
  /// -1 for a token that the engine did not name.
  public var ids: [Int32]
  /// Their text, which may be empty while a character is not complete.
  public var text: String
  /// Where they are asked for. An engine that makes several tokens into one piece of text may tell of the last alone.
  public var logprobs: [TokenLogprob]
  /// What they add to the calls of functions, which are no text.
  public var toolCalls: [ToolCallPiece]

  public init(
    _ ids: [Int32] = [], _ text: String = "", logprobs: [TokenLogprob] = [], toolCalls: [ToolCallPiece] = []
  ) {
    self.ids = ids
    self.text = text
    self.logprobs = logprobs
    self.toolCalls = toolCalls
  }

  public var isEmpty: Bool { ids.isEmpty && text.isEmpty && toolCalls.isEmpty }

  public mutating func append(_ more: GeneratedTokens) {
    ids += more.ids
    text += more.text
    logprobs += more.logprobs
    for piece in more.toolCalls { toolCalls.join(piece) }
  }
}
