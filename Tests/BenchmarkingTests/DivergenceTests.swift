import Benchmarking
import Foundation
import Serving
import Testing

/// The arithmetic of a quality loss, against cases done by hand and the theorems it rests on.
@Suite struct DivergenceTests {
  private func distribution(_ chances: [Int32: Double]) -> TokenDistribution {
    TokenDistribution(chances.map { ($0.key, log($0.value)) })
  }

  /// Two tokens of their own and a rest that is equal: 0.6 ln(0.6/0.5) + 0.3 ln(0.3/0.4).
  @Test func byHand() {
    let reference = distribution([1: 0.6, 2: 0.3])
    let candidate = distribution([1: 0.5, 2: 0.4])
    #expect(abs(Divergence.nats(of: candidate, from: reference) - 0.0230877) < 1e-6)
  }

  /// A token the candidate does not list is lumped with the rest: 0.6 ln(0.6/0.5) + 0.4 ln(0.4/0.5).
  @Test func missingTokensAreLumped() {
    let reference = distribution([1: 0.6, 2: 0.3])
    let candidate = distribution([1: 0.5, 9: 0.2])
    #expect(abs(Divergence.nats(of: candidate, from: reference) - 0.0201355) < 1e-6)
    let stranger = distribution([7: 0.9])
    #expect(Divergence.nats(of: stranger, from: reference) == 0, "nothing in common is nothing known")
  }

  @Test func equalDistributionsDoNotDiverge() {
    for chances in [[1: 1.0], [1: 0.6, 2: 0.3], [5: 1e-30], [1: 0.999_999_99, 2: 1e-9]] as [[Int32: Double]] {
      #expect(Divergence.nats(of: distribution(chances), from: distribution(chances)) == 0)
    }
  }

  /// What engines send when a probability underflows, a sum is rounded up, or they are broken.
  @Test func anyLogarithmsGiveANumber() {
    let hostile = TokenDistribution([
      (1, -Double(Float.greatestFiniteMagnitude)), (2, 1e-7), (3, .nan), (2, -5), (4, -.infinity), (5, .infinity),
    ])
    #expect(hostile.tokens == [2, 5, 1, 4] && hostile.logs == [0, 0, -100, -100])
    let sound = distribution([1: 0.7, 2: 0.2, 4: 0.1])
    for (a, b) in [(hostile, sound), (sound, hostile), (hostile, hostile), (TokenDistribution([]), sound)] {
      let nats = Divergence.nats(of: a, from: b)
      #expect(nats >= 0 && nats.isFinite, "\(nats)")
    }
    #expect(TokenDistribution.logSum([-1000, -1000]) == -1000 + log(2.0))
    #expect(TokenDistribution.logSum([]) == -.infinity)
    #expect(TokenDistribution([(1, -1)]).margin == .infinity)
  }

  /// A whole distribution over a small vocabulary, more or less peaked.
  private func random(_ generator: inout SeededGenerator, near base: [Double]? = nil) -> [Double] {
    let scale = Double.random(in: 0.1...6, using: &generator)
    let logits = (0..<200).map { place in
      (base.map { log($0[place]) } ?? 0) + scale * Double.random(in: -1...1, using: &generator)
    }
    let total = TokenDistribution.logSum(logits)
    return logits.map { exp($0 - total) }
  }

  private func listed(_ chances: [Double], _ count: Int) -> TokenDistribution {
    let all = TokenDistribution(chances.enumerated().map { (Int32($0.offset), log($0.element)) })
    return TokenDistribution(zip(all.tokens, all.logs).prefix(count).map { ($0, $1) })
  }

  /// Never below zero; lumping never raises it; the longer the candidate's list, the nearer the truth; and a choice alone
  /// never says more than the distribution it was made from.
  @Test(arguments: 0..<50) func lumpingNeverRaises(seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let p = random(&generator)
    let q = random(&generator, near: Bool.random(using: &generator) ? p : nil)
    let truth = zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
    let reference = listed(p, 64)
    var last = 0.0
    for count in [1, 8, 32, 64, 128, 200] {
      let nats = Divergence.nats(of: listed(q, count), from: reference)
      #expect(nats >= 0 && nats <= truth + 1e-4, "seed \(seed): \(nats) of \(truth)")
      #expect(nats >= last - 1e-4, "seed \(seed): more known tokens, \(nats) after \(last)")
      last = nats
    }
    let choice = listed(q, 1).tokens[0]
    let least = Divergence.leastNats(choosing: choice, against: reference)
    #expect(least >= 0 && least <= truth + 1e-9, "seed \(seed): \(least) of \(truth)")
  }

  /// Two tokens that were 0.6 and 0.3 and are now at best equal: 0.6 ln(0.6/0.45) + 0.3 ln(0.3/0.45).
  @Test func aChoiceSaysSomethingByItself() {
    let reference = distribution([1: 0.6, 2: 0.3])
    #expect(Divergence.leastNats(choosing: 1, against: reference) == 0)
    #expect(abs(Divergence.leastNats(choosing: 2, against: reference) - 0.0509702) < 1e-6)
    #expect(abs(Divergence.leastNats(choosing: 77, against: reference) - 0.6 * log(2.0)) < 1e-12)
  }
}
