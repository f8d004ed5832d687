/// What the engine's default says, which candidates are compared with.
package struct QualityReference: Hashable, Sendable {
  /// One prompt with the default's greedy continuation, and what it said at each of its places.
  package struct Continuation: Hashable, Sendable {
    package var prompt: [Int32]
    package var tokens: [ScoredToken]
  }

  /// Only prompts that were done in time.
  package var continuations: [Continuation]
  /// The fixed text in the model's tokens.
  package var text: [Int32]
  /// Log-probabilities of the text's tokens behind those before them; nil when there was no time.
  package var textLogs: [Double]?
}
