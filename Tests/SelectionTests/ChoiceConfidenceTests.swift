import Glibc
import Serving
import Testing

@testable import Selection

@Suite("How sure a choice is follows from what the candidates may cost")
struct ChoiceConfidenceTests {
  /// Candidates of one node whose ratios to the default, which comes first, are known so well.
  private func ranking(_ ratios: [(mean: Double, deviation: Double)], level: Double = 0.3) -> [RankingEntry] {
    ([(mean: 0, deviation: 0)] + ratios).enumerated().map { place, ratio in
      var entry = RankingEntry(set: 0, candidate: place, row: place)
      entry.posterior = Posterior(
        level: LogEstimate(mean: 5, variance: level * level),
        prior: LogEstimate(mean: ratio.mean, variance: ratio.deviation * ratio.deviation), pairs: nil, alone: nil)
      return entry
    }
  }

  private func confidence(
    _ ratios: [(mean: Double, deviation: Double)], choice: Int, common: Double = 0, level: Double = 0.3
  ) throws -> ChoiceConfidence {
    try #require(ChoiceConfidence(ranking(ratios, level: level), choice: choice) { $0.row == 0 ? 0 : common })
  }

  @Test("What nobody can beat is sure, what is beaten beyond doubt never is")
  func extremes() throws {
    #expect(try confidence([(-0.5, 0.01)], choice: 1).probability == 1)
    #expect(try confidence([(-0.5, 0.01)], choice: 0).probability == 0)
    #expect(try confidence([(-0.04, 0)], choice: 0).probability == 1, "4% is within 5%")
    #expect(try confidence([(-0.5, 0.01)], choice: 1).winners.map(\.place) == [1])
  }

  @Test("For one doubtful rival it is the normal distribution's share; how fast the node is cancels")
  func normal() throws {
    // The default is nearly best unless the rival is more than 5% cheaper: P(z < -0.0488 / 0.1) = 0.313.
    for level in [0.0, 2.0] {
      #expect(abs(try confidence([(0, 0.1)], choice: 0, level: level).probability - (1 - 0.313)) < 0.07)
    }
  }

  @Test("Many rivals of which each may be better make a choice unsure, unless they err together")
  func common() throws {
    let many = [(mean: Double, deviation: Double)](repeating: (mean: -0.2, deviation: 0.15), count: 40)
    let alone = try confidence(many, choice: 1)
    let together = try confidence(many, choice: 1, common: 0.95)
    // Of 40 equal ones, that none is more than 5% cheaper: 0.048, and 0.266 where only 5% of the variance is their own.
    #expect(abs(alone.probability - 0.048) < 0.04)
    #expect(abs(together.probability - 0.266) < 0.08)
    #expect(abs(alone.winners.reduce(0) { $0 + $1.share } - 1) < 1e-12)
  }

  @Test("Equal questions get equal answers, with any number of candidates")
  func deterministic() throws {
    let ratios = (0..<500).map { (mean: -0.001 * Double($0), deviation: 0.1) }
    let (a, b) = (try confidence(ratios, choice: 3), try confidence(ratios, choice: 3))
    #expect(a.probability == b.probability && a.winners.map(\.place) == b.winners.map(\.place))
    #expect(ChoiceConfidence([], choice: 0) { _ in 0 } == nil)
  }
}
