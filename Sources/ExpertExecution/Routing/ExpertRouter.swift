import Glibc
import OpenBLAS

/// A layer's router: chooses experts for rows of the hidden state.
public struct ExpertRouter: Sendable {
  /// What a sum of scores is taken for at least, so that nothing is divided by zero: the smallest normal f16, as llama.cpp.
  private static let leastSum: Float = 6.103_515_625e-5

  public let rule: RoutingRule
  public let hiddenSize: Int
  public let expertCount: Int
  /// `[expert][hidden]`.
  private let weights: [Float]
  /// Added to each expert's score for the choice alone, not for its weight; empty for none.
  private let bias: [Float]

  init(rule: RoutingRule, hiddenSize: Int, expertCount: Int, weights: [Float], bias: [Float] = []) {
    precondition(weights.count == hiddenSize * expertCount, "a row of weights for each expert")
    precondition(bias.isEmpty || bias.count == expertCount, "a bias for each expert")
    precondition((1...expertCount).contains(rule.topK), "experts to choose from")
    self.rule = rule
    self.hiddenSize = hiddenSize
    self.expertCount = expertCount
    self.weights = weights
    self.bias = bias
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

  /// Of two experts with the same score the first counts as larger.
  private func choose(_ logits: ArraySlice<Float>) -> [(expert: Int, gate: Float)] {
    let scores = scores(logits)
    let wanted = bias.isEmpty ? scores : zip(scores, bias).map { $0 + $1 }
    let chosen = candidates(wanted).sorted { (wanted[$0], $1) > (wanted[$1], $0) }.prefix(rule.topK)
    let total = rule.isRenormalized ? max(Self.leastSum, chosen.reduce(0) { $0 + scores[$1] }) : 1
    return chosen.map { ($0, scores[$0] / total * rule.scale) }
  }

  private func scores(_ logits: ArraySlice<Float>) -> [Float] {
    switch rule.scoring {
    case .sigmoid: return logits.map { 1 / (1 + expf(-$0)) }
    case .softmax:
      let most = logits.max() ?? 0
      let weights = logits.map { expf($0 - most) }
      let sum = weights.reduce(0, +)
      return weights.map { $0 / sum }
    }
  }

  /// Experts of the groups that a token may use.
  private func candidates(_ wanted: [Float]) -> [Int] {
    guard let groups = rule.groups else { return Array(wanted.indices) }
    let size = expertCount / groups.count
    let scores = (0..<groups.count).map { group in
      wanted[group * size..<(group + 1) * size].sorted(by: >).prefix(2).reduce(0, +)
    }
    let used = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }.prefix(groups.usedCount)
    return used.flatMap { $0 * size..<($0 + 1) * size }
  }
}
