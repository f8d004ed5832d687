/// How many bytes of text stand for one token of a model: taken as four until the model's jobs that ended say otherwise.
///
/// A prompt's length in tokens decides how long it takes to read, and only the engine has the tokenizer. Tokenizers differ
/// by a factor of two and more, as do languages, so the assumption weighs no more than a very short prompt.
struct TokenLength: Hashable, Sendable {
  static let assumedBytes = 4
  /// Tokens that the assumption weighs.
  private static let assumedWeight = 16
  /// Beyond it the past is halved: what a model is asked may change.
  private static let rememberedTokens = 65_536

  private var tokens = assumedWeight
  private var bytes = assumedWeight * assumedBytes

  /// A prompt of so many bytes was so many tokens. Nothing is learned from an engine that counts none.
  mutating func learn(promptBytes: Int, promptTokens: Int) {
    guard promptTokens > 0, promptBytes > 0, promptTokens <= promptBytes else { return }
    if tokens > Self.rememberedTokens {
      tokens /= 2
      bytes /= 2
    }
    tokens += promptTokens
    bytes += promptBytes
  }

  /// Tokens foreseen for a prompt, at least 1.
  func tokens(ofBytes promptBytes: Int) -> Int {
    max(1, Int(Double(promptBytes) * Double(tokens) / Double(bytes)))
  }
}
