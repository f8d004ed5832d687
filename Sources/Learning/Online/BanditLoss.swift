import Foundation

extension BanditCost {
  /// What an outcome counts: PAR10 (or another penalty) for run times; where only ratios count, the decimal logarithm.
  func loss(of outcome: BanditOutcome) -> Double {
    switch (self, outcome) {
    case (.runTime(let cutoff, let penalty), .finished(let cost)): cost < cutoff ? max(cost, 0) : penalty * cutoff
    case (.runTime(let cutoff, let penalty), .failed): penalty * cutoff
    case (.ratio, .finished(let cost)): log10(cost)
    case (.ratio(let penalty), .failed): log10(penalty)
    }
  }

  /// The loss to expect of an arm that fails with some probability and otherwise costs ten to the power of `log`.
  func expectedLoss(failureShare: Double, log: Double) -> Double {
    switch self {
    case .runTime(let cutoff, let penalty):
      failureShare * penalty * cutoff + (1 - failureShare) * min(pow(10, log), cutoff)
    case .ratio(let penalty): log + failureShare * log10(penalty)
    }
  }

  /// What stands for the logarithm of a failed run's cost; nil where nothing is known of it.
  var failedLog: Double? {
    if case .runTime(let cutoff, _) = self { log10(cutoff) } else { nil }
  }
}
