import Benchmarking
import Foundation
import Serving
import Testing

/// What positions add up to.
@Suite struct QualityTallyTests {
  private let sure = TokenDistribution([(1, log(0.6)), (2, log(0.3))])
  private let torn = TokenDistribution([(1, log(0.46)), (2, log(0.45))])
  private let other = TokenDistribution([(1, log(0.5)), (2, log(0.4))])

  /// One of four choices is another; the reference was sure there, so it is no rounding.
  @Test func choices() {
    var tally = QualityTally()
    for choice: Int32 in [1, 1, 2, 1] { tally.add(choice: choice, chosen: 1, reference: sure) }
    let loss = tally.loss()
    #expect(loss.positionCount == 4 && loss.topAgreement == 0.75 && loss.decisiveMismatchCount == 1 && !loss.isExact)
    #expect(loss.divergence == nil, "choices alone are no distributions")
  }

  /// Where the reference's two best are 0.022 nats apart another choice is rounding: exact all the same.
  @Test func tiesMayFallEitherWay() {
    var tally = QualityTally()
    tally.add(choice: 2, chosen: 1, reference: torn)
    #expect(tally.isExact && tally.loss().isExact && tally.loss().topAgreement == 0)
    tally.add(choice: 2, chosen: 1, reference: sure)
    #expect(!tally.isExact)
  }

  @Test func divergenceIsTheMean() throws {
    var tally = QualityTally()
    tally.add(choice: 1, distribution: other, chosen: 1, reference: sure)
    tally.add(choice: 1, distribution: sure, chosen: 1, reference: sure)
    #expect(abs(try #require(tally.loss().divergence) - 0.0230877 / 2) < 1e-6)
    tally.add(choice: 1, chosen: 1, reference: sure)
    #expect(tally.loss().divergence == nil, "a mean over some of the positions would be one over others")
  }

  /// Right distributions and wrong tokens, as a broken speculation gives: the tokens count.
  @Test func wrongChoicesCountWhateverTheDistributions() throws {
    var choices = QualityTally()
    var distributions = QualityTally()
    for _ in 0..<2 {
      choices.add(choice: 2, chosen: 1, reference: sure)
      distributions.add(choice: 1, distribution: sure, chosen: 1, reference: sure)
    }
    let loss = choices.loss(distributions: distributions)
    #expect(loss.decisiveMismatchCount == 2)
    #expect(abs(try #require(loss.divergence) - 0.0509702) < 1e-6)
  }

  /// Prompts are answered in any order.
  @Test func orderChangesNothing() throws {
    var parts = (0..<4).map { _ in QualityTally() }
    for place in 0..<40 {
      parts[place % 4].add(
        choice: place % 7 == 0 ? 2 : 1, distribution: place % 3 == 0 ? other : sure, chosen: 1,
        reference: place % 5 == 0 ? torn : sure)
    }
    let sums = [parts, parts.reversed()].map { $0.reduce(into: QualityTally()) { $0.add($1) }.loss() }
    #expect(sums[0].positionCount == 40 && sums[0].decisiveMismatchCount == sums[1].decisiveMismatchCount)
    let (one, two) = (try #require(sums[0].divergence), try #require(sums[1].divergence))
    #expect(abs(one - two) < 1e-12)
  }

  /// Eight tokens that were each one of eight: a perplexity of 8. Impossible ones count as exp(100), not as infinity.
  @Test func perplexity() throws {
    #expect(abs(try #require(QualityTally.perplexity(Array(repeating: -log(8.0), count: 8))) - 8) < 1e-9)
    #expect(QualityTally.perplexity([]) == nil)
    #expect(try #require(QualityTally.perplexity([-Double.infinity, 0])).isFinite)
    #expect(QualityTally.perplexity([1e-7]) == 1, "no text is less uncertain than certain")
  }
}
