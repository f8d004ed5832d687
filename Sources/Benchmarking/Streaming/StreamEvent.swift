import Serving

/// What one event of a stream said, in either dialect.
struct StreamEvent {
  var tokenIDs: [Int32]
  var text: String
  var logprobs: [TokenLogprob] = []
  var toolCalls: [ToolCallPiece] = []
  var end: GenerationEnd?
}
