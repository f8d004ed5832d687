/// How much context a job's engine is started with.
///
/// The prompt's tokens are not known before the engine has it, so they are estimated from its bytes, on the safe side: a
/// token of text has four bytes on average and hardly ever fewer than two. The sum is rounded up to a power of two, so
/// that jobs of about one size share an engine.
public enum ContextBudget {
  /// Enough for most chats; smaller steps would only make more engines.
  static let least = 2048

  /// Tokens of context for each slot, at most the model's own.
  ///
  /// - Parameters:
  ///   - contextLength: the model's own; 0 where it is not known.
  ///   - isDense: a token for each byte, as rare scripts have it: what never is too little.
  public static func tokens(for spec: JobSpec, contextLength: Int, isDense: Bool = false) -> Int {
    let promptBytes: Int
    switch spec.prompt {
    case .text(let text): promptBytes = text.utf8.count
    // A chat template adds a few tokens to each message.
    case .chat(let messages): promptBytes = messages.reduce(spec.tools?.bytes ?? 0) { $0 + $1.textBytes + 64 }
    }
    // Short prompts get a token for each byte: random letters and rare scripts may need it, and it costs little.
    let promptTokens = max(isDense ? promptBytes : promptBytes / 2, min(promptBytes, least / 2)) + 16
    let needed = promptTokens + spec.maxTokens
    var tokens = least
    while tokens < needed, tokens < 1 << 30 { tokens *= 2 }
    return contextLength > 0 ? min(tokens, contextLength) : tokens
  }
}
