/// Puts what a selector foresees and what was measured directly together, on the logarithmic scale.
///
/// Two unknowns: the default's cost D and a candidate's ratio R to it. What was foreseen is their prior; measurements of
/// the default tell about D, rounds in turns about R, blocks of the candidate alone about D + R. All are taken as normal,
/// so the answer is a weighted mean, and little evidence shrinks to the prior (Efron, Morris 1977): of twenty candidates
/// measured once, the one that looks best was partly lucky.
struct Posterior: Hashable, Sendable {
  /// The default's cost.
  var level: LogEstimate
  /// The candidate's ratio to it.
  var ratio: LogEstimate
  /// The candidate's cost.
  var cost: LogEstimate

  /// - Parameters:
  ///   - level: of the default's cost, measurements of it included (`combined`).
  ///   - prior: of the ratio.
  ///   - pairs: of rounds in turns.
  ///   - alone: of the candidate's cost, from blocks that are in no pair.
  init(level: LogEstimate, prior: LogEstimate, pairs: LogEstimate?, alone: LogEstimate?) {
    let ratio = Self.combined(prior, pairs)
    guard let alone, ratio.variance > 0 else {
      self.level = level
      self.ratio = ratio
      cost = LogEstimate(mean: level.mean + ratio.mean, variance: level.variance + ratio.variance)
      return
    }
    // One step of a Kalman filter: the observation is of the sum.
    let spread = level.variance + ratio.variance
    let gain = 1 / (spread + alone.variance)
    let surprise = alone.mean - level.mean - ratio.mean
    self.level = LogEstimate(
      mean: level.mean + level.variance * gain * surprise,
      variance: level.variance * (1 - level.variance * gain))
    self.ratio = LogEstimate(
      mean: ratio.mean + ratio.variance * gain * surprise,
      variance: ratio.variance * (1 - ratio.variance * gain))
    cost = LogEstimate(
      mean: level.mean + ratio.mean + spread * gain * surprise,
      variance: spread * (1 - spread * gain))
  }

  /// Mean weighted by certainty.
  ///
  /// A prior that the evidence contradicts is wrong about its own certainty (this machine is unlike those it was
  /// trained on), so it is widened until the evidence lies at the end of its 90% interval. Within the interval nothing
  /// changes.
  static func combined(_ prior: LogEstimate, _ evidence: LogEstimate?) -> LogEstimate {
    guard let evidence, prior.variance > 0 else { return prior }
    guard evidence.variance > 0 else { return evidence }
    let surprise = (evidence.mean - prior.mean) / LogEstimate.quantile95
    let variance = max(prior.variance, surprise * surprise - evidence.variance)
    let precision = 1 / variance + 1 / evidence.variance
    return LogEstimate(
      mean: (prior.mean / variance + evidence.mean / evidence.variance) / precision, variance: 1 / precision)
  }
}
