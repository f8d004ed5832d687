import Glibc
import OpenBLAS

/// A layer's router: chooses experts for rows of the hidden state.
public struct ExpertRouter: Sendable {
  public let rule: RoutingRule
  public let hiddenSize: Int
  public let expertCount: Int
  /// `[expert][hidden]`.
  private let weights: [Float]

  init(rule: RoutingRule, hiddenSize: Int, expertCount: Int, weights: [Float]) {
    precondition(weights.count == hiddenSize * expertCount, "a row of weights for each expert")
    precondition((1...expertCount).contains(rule.topK), "experts to choose from")
    self.rule = rule
    self.hiddenSize = hiddenSize
    self.expertCount = expertCount
    self.weights = weights
  }

  /// Blocks while it multiplies: not for the cooperative pool where the batch is large.
  ///
  /// - Parameter rows: `[token][hidden]`.
  public func route(_ rows: [Float]) -> RoutedTokens {
    precondition(!rows.isEmpty && rows.count % hiddenSize == 0, "whole rows")
    let count = rows.count / hiddenSize
    var logits = [Float](repeating: 0, count: count * expertCount)
    rows.withUnsafeBufferPointer { rows in
      weights.withUnsafeBufferPointer { weights in
        logits.withUnsafeMutableBufferPointer {
          BLAS.multiply(
            rows, transposing: weights, into: $0, rows: count, inner: hiddenSize, columns: expertCount)
        }
      }
    }
    var experts: [UInt16] = []
    var gates: [Float] = []
    for token in 0..<count {
      let chosen = choose(logits[token * expertCount..<(token + 1) * expertCount])
      experts += chosen.map { UInt16($0.expert) }
      gates += chosen.map(\.gate)
    }
    return RoutedTokens(topK: rule.topK, experts: experts, gates: gates)
  }

  /// Of two experts with the same logit the first counts as larger.
  private func choose(_ logits: ArraySlice<Float>) -> [(expert: Int, gate: Float)] {
    let most = logits.max() ?? 0
    let weights = logits.map { expf($0 - most) }
    let sum = weights.reduce(0, +)
    let chosen = weights.indices.sorted { (weights[$0], $1) > (weights[$1], $0) }.prefix(rule.topK)
    let total = rule.isRenormalized ? chosen.reduce(0) { $0 + weights[$1] } : sum
    return chosen.map { ($0, weights[$0] / total * rule.scale) }
  }
}
