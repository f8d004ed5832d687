/// How far a configuration's output is from that of the engine's own default on the same model, as a probe measured it.
///
/// Both are asked for the next token after the same tokens: fixed prompts, and behind each the default's own greedy
/// continuation. So a difference at one position never hides or doubles the next one.
public struct QualityLoss: Hashable, Codable, Sendable {
  /// Two best tokens of the default that are no further apart than this may change places by rounding: threads, batch
  /// sizes and kernels add in another order. In nats.
  public static let decisiveMargin = 0.05

  /// Positions at which both were asked for the next token.
  public var positionCount: Int
  /// Share of the positions at which both choose the same token, 0...1.
  public var topAgreement: Double
  /// Positions at which the choices differ although the default's two best are more than `decisiveMargin` apart: no
  /// rounding explains these.
  public var decisiveMismatchCount: Int
  /// Mean Kullback-Leibler divergence of the configuration from the default, over the default's most probable tokens
  /// with all others lumped: nats per token, at least 0. Nil where the choices alone were compared, as they are for a
  /// configuration that should be exact and is.
  public var divergence: Double?
  /// Perplexity of a fixed text, at least 1; nil where it was not measured.
  public var perplexity: Double?
  /// The default's perplexity of the same text.
  public var referencePerplexity: Double?
  /// Other versions ask other things: their figures do not compare.
  public var probeVersion: Int

  public init(
    positionCount: Int, topAgreement: Double, decisiveMismatchCount: Int, divergence: Double? = nil,
    perplexity: Double? = nil, referencePerplexity: Double? = nil, probeVersion: Int
  ) {
    self.positionCount = positionCount
    self.topAgreement = topAgreement
    self.decisiveMismatchCount = decisiveMismatchCount
    self.divergence = divergence
    self.perplexity = perplexity
    self.referencePerplexity = referencePerplexity
    self.probeVersion = probeVersion
  }

  /// Whether every choice was the default's, but for rounding.
  public var isExact: Bool { decisiveMismatchCount == 0 }
}

extension Fidelity {
  /// What a method promises, corrected by what was measured: a promise of exactness that was seen broken is none.
  public func corrected(by quality: QualityLoss?) -> Fidelity {
    quality?.isExact == false ? .approximate : self
  }
}
