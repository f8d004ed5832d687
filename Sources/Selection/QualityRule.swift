import Serving

/// Whether a candidate may be chosen for what it does to the model's output. One rule:
///
/// - what is exact may be chosen, unless a measurement has shown that it is not: then it is approximate;
/// - what is approximate may be chosen where a limit on the loss is given and its measured divergence is within it;
///   without a limit only where approximate methods are allowed, and then whatever they lose;
/// - a loss that was not measured is within no limit, and is never guessed.
enum QualityRule {
  /// Why the candidate may not be chosen; nil when it may.
  static func refusal(of fidelity: Fidelity, _ quality: QualityLoss?, _ limits: Limits) -> String? {
    guard fidelity.corrected(by: quality) == .approximate else { return nil }
    if let limit = limits.maxQualityLoss {
      guard let divergence = quality?.divergence else { return "quality not measured: benchmark it first" }
      guard divergence > limit else { return nil }
      return "loses \(Words.nats(divergence)) against the default, over the limit of \(Words.nats(limit))"
    }
    if limits.allowsApproximate { return nil }
    guard let quality, fidelity == .exact else {
      return "may change the model's output, and approximate methods are not allowed"
    }
    return """
      should keep the model's output and does not: \(Words.mismatches(quality)); approximate methods are not allowed
      """
  }
}
