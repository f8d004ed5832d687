public import Serving

/// What an engine says when it has finished a request. Nil where it does not say.
public struct GenerationEnd: Hashable, Sendable {
  public var reason: FinishReason
  public var promptTokenCount: Int
  public var outputTokenCount: Int
  /// Prompt tokens the engine found in its cache.
  public var cachedTokenCount: Int?
  public var draftedTokenCount: Int?
  public var acceptedTokenCount: Int?
  /// The engine's own time for the prompt, in milliseconds.
  public var promptMS: Double?

  public init(
    reason: FinishReason, promptTokenCount: Int, outputTokenCount: Int, cachedTokenCount: Int? = nil,
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
