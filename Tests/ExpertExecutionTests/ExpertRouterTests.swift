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

  /// Each expert's score is its own, and the bias changes who is chosen but not with which weight.
  @Test func scoresBySigmoidAndChoosesByBias() {
    var weights = [Float](repeating: 0, count: 16)
    for index in 0..<4 { weights[index * 5] = 1 }
    let rule = RoutingRule(topK: 2, scoring: .sigmoid, isRenormalized: false, scale: 2)
    let router = ExpertRouter(rule: rule, hiddenSize: 4, expertCount: 4, weights: weights, bias: [0, 0, 0, 1])
    let routed = router.route([1, 2, -1, -3])
    #expect(routed.experts == [3, 1])
    let expected: [Double] = [2 / (1 + exp(3)), 2 / (1 + exp(-2))]
    for (gate, exact) in zip(routed.gates, expected) { #expect(abs(Double(gate) - exact) < 1e-6) }
  }

  /// The best expert of all is in a group whose two best are not, and is passed over.
  @Test func choosesGroupsByTheirTwoBest() {
    let rule = RoutingRule(
      topK: 2, scoring: .sigmoid, groups: RoutingRule.Groups(count: 2, usedCount: 1), isRenormalized: true)
    let routed = router(rule).route([3, -9, 1, 0.5, 0, 0, 0, 0])
    #expect(routed.experts == [2, 3, 0, 1], "of equal groups the first")
    let (a, b): (Double, Double) = (1 / (1 + exp(-1)), 1 / (1 + exp(-0.5)))
    #expect(abs(Double(routed.gates[0]) - a / (a + b)) < 1e-6)
  }

  /// Scores that are next to nothing are not divided by nothing.
  @Test func dividesByNoZero() {
    let rule = RoutingRule(topK: 2, scoring: .sigmoid, isRenormalized: true)
    let routed = router(rule).route([-200, -200, -200, -200])
    #expect(routed.gates.allSatisfy { $0.isFinite && $0 >= 0 })
  }
}
