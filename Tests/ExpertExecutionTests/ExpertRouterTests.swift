import Foundation
import Testing

@testable import ExpertExecution

/// Routers as the architectures have them, against sums done by hand.
@Suite("Expert router")
struct ExpertRouterTests {
  /// Four experts whose logits are the row itself.
  private func router(_ rule: RoutingRule) -> ExpertRouter {
    var weights = [Float](repeating: 0, count: 16)
    for index in 0..<4 { weights[index * 5] = 1 }
    return ExpertRouter(rule: rule, hiddenSize: 4, expertCount: 4, weights: weights)
  }

  @Test func takesTheLargestAndMakesThemAddUpToOne() {
    let routed = router(RoutingRule(topK: 2, isRenormalized: true)).route([0, 2, 1, -1, 3, 3, 3, 0])
    #expect(routed.experts == [1, 2, 0, 1], "of equals the first")
    let first: Float = expf(2) / (expf(2) + expf(1))
    let expected: [Float] = [first, 1 - first, 0.5, 0.5]
    for (gate, exact) in zip(routed.gates, expected) { #expect(abs(gate - exact) < 1e-6) }
  }

  @Test func keepsSharesOfAllAndScalesThem() {
    let routed = router(RoutingRule(topK: 2, isRenormalized: false, scale: 16)).route([0, 2, 1, -1])
    let weights: [Double] = [exp(0), exp(2), exp(1), exp(-1)]
    let sum: Double = weights.reduce(0, +)
    let expected: [Double] = [16 * weights[1] / sum, 16 * weights[2] / sum]
    for (gate, exact) in zip(routed.gates, expected) { #expect(abs(Double(gate) - exact) < 1e-5) }
  }
}
