public import ExpertPlacement

/// Which experts the tokens of a batch go to, and with which weight each counts.
public struct RoutedTokens: Hashable, Sendable {
  public let topK: Int
  /// `[token * topK + place]`; a token's experts differ.
  public let experts: [UInt16]
  /// The same order.
  public let gates: [Float]

  public var tokenCount: Int { experts.count / topK }

  public init(topK: Int, experts: [UInt16], gates: [Float]) {
    precondition(topK > 0 && experts.count == gates.count && experts.count % topK == 0, "topK experts for each token")
    self.topK = topK
    self.experts = experts
    self.gates = gates
  }

  /// Tokens of a recorded trace, which does not know weights: each expert counts the same.
  public init(_ trace: RoutingTrace, layer: Int, tokens: Range<Int>) {
    let experts = tokens.flatMap { Array(trace.experts(layer: layer, token: $0)) }
    self.init(
      topK: trace.topK, experts: experts, gates: [Float](repeating: 1 / Float(trace.topK), count: experts.count))
  }
}
