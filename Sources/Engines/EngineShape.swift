/// How a running engine is set up: as a plan asked for it, or as the engine itself says.
///
/// An engine that silently runs with something else would have its measurements filed under the wrong configuration.
public struct EngineShape: Hashable, Sendable {
  /// Requests it serves at once.
  public var slotCount: Int
  /// Tokens of context of each slot, the fewest where they differ; nil where nobody asked, or it does not say.
  public var contextTokens: Int?
  /// Whether its slots draft tokens; nil where it does not say.
  public var isSpeculating: Bool?

  public init(slotCount: Int, contextTokens: Int? = nil, isSpeculating: Bool? = nil) {
    self.slotCount = slotCount
    self.contextTokens = contextTokens
    self.isSpeculating = isSpeculating
  }

  /// Why this, which an engine says, is not what was asked of it; nil when it is. A longer context is fine: engines round
  /// it up.
  public func contradiction(of asked: EngineShape) -> String? {
    if slotCount != asked.slotCount {
      return "it serves \(slotCount) requests at once, and was told \(asked.slotCount)"
    }
    if let contextTokens, let least = asked.contextTokens, contextTokens < least {
      return "its slots have \(contextTokens) tokens of context, and were told \(least)"
    }
    if let isSpeculating, let wanted = asked.isSpeculating, isSpeculating != wanted {
      return wanted ? "it does not speculate, and was told to" : "it speculates, and was not told to"
    }
    return nil
  }
}
