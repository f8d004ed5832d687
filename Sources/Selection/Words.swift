import Glibc
import Serving

/// Says figures and reasons in words.
enum Words {
  static func speedup(_ entry: RankingEntry) -> Double { exp(-(entry.posterior?.ratio.mean ?? 0)) }

  static func times(_ factor: Double) -> String { "\((factor * 100).rounded() / 100) x" }

  static func megabytes(_ bytes: Double) -> String {
    "\(Int((min(bytes, 1e18) / 1_048_576).rounded())) MB"
  }

  static func nats(_ value: Double) -> String {
    value == 0 ? "0 nats per token" : "\(Words.significant(value)) nats per token"
  }

  /// Three significant digits, or all that stand before the point.
  private static func significant(_ value: Double) -> String {
    guard value > 0, value.isFinite else { return "\(value)" }
    if value >= 100 { return "\(Int(min(value, 1e15).rounded()))" }
    let scale = pow(10, 2 - floor(log10(value)))
    return "\((value * scale).rounded() / scale)"
  }

  static func mismatches(_ quality: QualityLoss) -> String {
    "\(quality.decisiveMismatchCount) of \(quality.positionCount) greedy tokens were others than the default's"
  }

  /// What was measured of a configuration's output.
  static func quality(_ quality: QualityLoss) -> String {
    guard let divergence = quality.divergence else {
      return quality.isExact
        ? "\(quality.positionCount) greedy tokens were the default's" : mismatches(quality)
    }
    let agreement = Int((quality.topAgreement * 100).rounded())
    var words = "loses \(nats(divergence)); \(agreement)% of \(quality.positionCount) greedy tokens are the default's"
    if let perplexity = quality.perplexity, let reference = quality.referencePerplexity {
      words += "; perplexity \(significant(perplexity)) against \(significant(reference))"
    }
    return words
  }

  static func missed(_ slo: SLO, _ value: Double) -> String {
    "would miss \(slo): \(slo.metric.rawValue) p\(slo.percentile) is foreseen at \(milliseconds(value))"
  }

  static func milliseconds(_ value: Double) -> String {
    value >= 100 ? "\(Int(min(value, 1e15).rounded())) ms" : "\((value * 10).rounded() / 10) ms"
  }

  static func reasons(_ entry: RankingEntry, _ own: DirectEvidence, source: String) -> [String] {
    var reasons: [String] = []
    if let refused = entry.refusedReason { reasons.append(refused) }
    if let incomparable = entry.scale?.incomparable { reasons.append(incomparable) }
    if own.pairCount > 0 {
      let place = own.isNear ? "with a similar workload" : "here"
      reasons.append("ran in turns with the default in \(own.pairCount) rounds \(place)")
    } else if own.count > 0 {
      reasons.append("measured \(own.count) times here")
    } else if own.jobCount == 0 {
      reasons.append("never measured here")
    }
    if own.jobCount > 0 { reasons.append("ran \(own.jobCount) jobs of similar lengths here") }
    if let change = own.change { reasons.append("some of that counts for less: \(change)") }
    if own.failures > 0 {
      reasons.append("failed \(own.failures) times here, which counts ten times its cost")
    }
    reasons.append("foreseen by \(source)")
    if entry.isBaseline {
      reasons.append("the engine's default")
    } else if let ratio = entry.posterior?.ratio.interval, entry.baseline != nil {
      let range = "\(times(exp(-ratio.upperBound))) to \(times(exp(-ratio.lowerBound)))"
      reasons.append(
        entry.isProven
          ? "\(times(speedup(entry))) the default (\(range))"
          : "\(times(speedup(entry))) the default, but it may be anything from \(range)")
    }
    return reasons
  }
}
