package import Serving

/// Whether a configuration that failed is worth another try in the same trial.
///
/// One that does not start will not start: its failure is the result of all its blocks. One that ended, hung or ran out
/// of memory in a block is started once more, as the workload may be at fault; after a second time its remaining blocks
/// are not run, and reported as cancelled: nobody knows how they would have ended.
package struct CandidateHealth {
  package enum Decision: Hashable {
    case run
    /// Not run, but the result is known.
    case failed(Outcome)
    /// Not run, for this reason.
    case skipped(String)
  }

  package private(set) var decision = Decision.run
  private var failureCount = 0

  package init() {}

  package mutating func didNotStart(_ outcome: Outcome) {
    decision = .failed(outcome)
  }

  package mutating func didFail(_ outcome: Outcome) {
    failureCount += 1
    if failureCount == 2 {
      decision = .skipped("not run: this configuration failed twice in the trial, the second time with \(outcome.kind)")
    }
  }
}
