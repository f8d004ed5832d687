/// A token an engine generated, with what it said of the alternatives.
package struct ScoredToken: Hashable, Sendable {
  package var token: Int32
  /// Its own log-probability, over the whole vocabulary.
  package var log: Double
  /// The most probable tokens at its place; empty where the engine did not say.
  package var distribution: TokenDistribution

  package init(token: Int32, log: Double, distribution: TokenDistribution) {
    self.token = token
    self.log = log
    self.distribution = distribution
  }
}
