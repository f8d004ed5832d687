public import Serving

/// One request to an engine.
public struct GenerationRequest: Hashable, Sendable {
  public enum Prompt: Hashable, Sendable {
    /// Token ids; only engines that speak llama.cpp's dialect take them.
    case tokens([Int32])
    case text(String)
    /// Only engines that speak the OpenAI dialect take it; elsewhere apply the template first.
    case chat([ChatMessage])
  }

  public var prompt: Prompt
  /// Most tokens to generate, at least 1.
  public var maxTokens: Int
  /// 0 is greedy.
  public var temperature: Double
  public var seed: UInt64
  /// Generate past the end-of-sequence token, so that every configuration does the same work.
  public var ignoresEndOfSequence: Bool

  public init(
    prompt: Prompt, maxTokens: Int, temperature: Double = 0, seed: UInt64 = 0, ignoresEndOfSequence: Bool = false
  ) {
    precondition(maxTokens >= 1, "a request for \(maxTokens) tokens")
    self.prompt = prompt
    self.maxTokens = maxTokens
    self.temperature = temperature
    self.seed = seed
    self.ignoresEndOfSequence = ignoresEndOfSequence
  }
}

/// Tokens of one event of an engine's stream.
public struct TokenArrival: Hashable, Sendable {
  /// Stands for a token whose id the engine did not say.
  public static let unknownToken: Int32 = -1

  /// One for each token that came to light; `unknownToken` where the engine counted one without naming it.
  public var tokenIDs: [Int32]
  /// May be empty: engines hold a character back until it is complete.
  public var text: String
  /// Since the request was sent, on a monotonic clock.
  public var at: Duration

  public init(tokenIDs: [Int32], text: String, at: Duration) {
    self.tokenIDs = tokenIDs
    self.text = text
    self.at = at
  }
}

/// What an engine says when it has finished a request. Nil where it does not say.
public struct GenerationEnd: Hashable, Sendable {
  public enum Reason: Hashable, Sendable {
    /// As many tokens as were asked for.
    case length
    case endOfSequence
    /// Prompt and output filled the context before the asked length was reached.
    case contextFull
  }

  public var reason: Reason
  public var promptTokenCount: Int
  public var outputTokenCount: Int
  /// Prompt tokens the engine found in its cache.
  public var cachedTokenCount: Int?
  public var draftedTokenCount: Int?
  public var acceptedTokenCount: Int?
  /// The engine's own time for the prompt, in milliseconds.
  public var promptMS: Double?

  public init(
    reason: Reason, promptTokenCount: Int, outputTokenCount: Int, cachedTokenCount: Int? = nil,
    draftedTokenCount: Int? = nil, acceptedTokenCount: Int? = nil, promptMS: Double? = nil
  ) {
    self.reason = reason
    self.promptTokenCount = promptTokenCount
    self.outputTokenCount = outputTokenCount
    self.cachedTokenCount = cachedTokenCount
    self.draftedTokenCount = draftedTokenCount
    self.acceptedTokenCount = acceptedTokenCount
    self.promptMS = promptMS
  }
}
