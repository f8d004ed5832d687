import Glibc
package import Serving

/// Adds up what was seen at each position. Pure: the same positions in any order give the same loss, but for rounding.
package struct QualityTally: Hashable, Sendable {
  package private(set) var positionCount = 0
  private var agreementCount = 0
  private var decisiveMismatchCount = 0
  /// Of the positions with a distribution: how many, and their divergences.
  private var distributionCount = 0
  private var divergenceSum = 0.0
  /// What the choices alone say of the divergence.
  private var leastDivergenceSum = 0.0

  package init() {}

  /// Adds a position at which the candidate chose a token behind the same tokens as the reference.
  ///
  /// - Parameters:
  ///   - distribution: what the candidate said; nil where it was asked for nothing but its choice.
  ///   - chosen: the reference's choice.
  ///   - reference: what the reference said.
  package mutating func add(
    choice: Int32, distribution: TokenDistribution? = nil, chosen: Int32, reference: TokenDistribution
  ) {
    positionCount += 1
    if choice == chosen {
      agreementCount += 1
    } else {
      if reference.margin > QualityLoss.decisiveMargin { decisiveMismatchCount += 1 }
      leastDivergenceSum += Divergence.leastNats(choosing: choice, against: reference)
    }
    if let distribution {
      distributionCount += 1
      divergenceSum += Divergence.nats(of: distribution, from: reference)
    }
  }

  package mutating func add(_ other: QualityTally) {
    positionCount += other.positionCount
    agreementCount += other.agreementCount
    decisiveMismatchCount += other.decisiveMismatchCount
    distributionCount += other.distributionCount
    divergenceSum += other.divergenceSum
    leastDivergenceSum += other.leastDivergenceSum
  }

  /// Whether no choice differed but by rounding.
  package var isExact: Bool { decisiveMismatchCount == 0 }

  /// Mean divergence in nats per token: over the distributions where every position has one, and never below what the
  /// choices alone say. Nil without distributions.
  private var divergence: Double? {
    guard positionCount > 0, distributionCount == positionCount else { return nil }
    return max(divergenceSum, leastDivergenceSum) / Double(positionCount)
  }

  /// The loss these positions show.
  ///
  /// - Parameters:
  ///   - distributions: a second look at the same positions, for the divergence. An engine may compute right
  ///     distributions and still choose wrong tokens (a broken speculation), so the choices seen here count too.
  /// - Precondition: at least one position.
  package func loss(
    distributions: QualityTally? = nil, perplexity: Double? = nil, referencePerplexity: Double? = nil
  ) -> QualityLoss {
    precondition(positionCount > 0, "a loss over no position")
    let choices = leastDivergenceSum / Double(positionCount)
    return QualityLoss(
      positionCount: positionCount, topAgreement: Double(agreementCount) / Double(positionCount),
      decisiveMismatchCount: decisiveMismatchCount,
      divergence: distributions.map { $0.divergence.map { max($0, choices) } } ?? divergence,
      perplexity: perplexity, referencePerplexity: referencePerplexity, probeVersion: QualityProbe.version)
  }

  /// exp of the mean negative log-probability of a text's tokens: as uncertain as a fair choice among so many. Nil for
  /// no token.
  package static func perplexity(_ logs: [Double]) -> Double? {
    guard !logs.isEmpty else { return nil }
    return exp(-logs.reduce(0) { $0 + min(0, max(TokenDistribution.leastLog, $1)) } / Double(logs.count))
  }
}
