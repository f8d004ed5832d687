public import Serving

/// One request to an engine.
public struct GenerationRequest: Hashable, Sendable {
  public enum Prompt: Hashable, Sendable {
    /// Token ids; only engines that speak llama.cpp's or vLLM's dialect take them.
    case tokens([Int32])
    case text(String)
    /// Engines that speak llama.cpp's dialect take it with tools; without them apply the template first, as their
    /// answers to chats do not name the tokens.
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
  /// Nil where nothing of it was asked for.
  public var sampling: Sampling?
  /// Of a chat: what its answer may call.
  public var tools: Tools?

  public init(
    prompt: Prompt, maxTokens: Int, temperature: Double = 0, seed: UInt64 = 0, ignoresEndOfSequence: Bool = false,
    sampling: Sampling? = nil, tools: Tools? = nil
  ) {
    precondition(maxTokens >= 1, "a request for \(maxTokens) tokens")
    self.prompt = prompt
    self.maxTokens = maxTokens
    self.temperature = temperature
    self.seed = seed
    self.ignoresEndOfSequence = ignoresEndOfSequence
    self.sampling = sampling
    self.tools = tools
  }

  var isChat: Bool { if case .chat = prompt { true } else { false } }
}
