import Serving

/// The order of a recommendation: by figures, and where they are equal by name, so that it never depends on the order
/// in which candidates came.
struct RankingOrder {
  private let judges: [SetJudge]

  init(_ judges: [SetJudge]) { self.judges = judges }

  func goesBefore(_ a: RankingEntry, _ b: RankingEntry, isCautious: Bool) -> Bool {
    a.goesBefore(b, isCautious: isCautious) ?? nameGoesBefore(a, b)
  }

  /// Those that could be judged first, by what they would have cost.
  func refusedGoesBefore(_ a: RankingEntry, _ b: RankingEntry) -> Bool {
    if a.expectedCost != b.expectedCost { return a.expectedCost < b.expectedCost }
    return nameGoesBefore(a, b)
  }

  private func nameGoesBefore(_ a: RankingEntry, _ b: RankingEntry) -> Bool {
    let (first, second) = (judges[a.set], judges[b.set])
    if first.set.worker != second.set.worker { return first.set.worker < second.set.worker }
    let (one, other) = (first.set.candidates[a.candidate], second.set.candidates[b.candidate])
    // Making a fingerprint takes longer than all of the ranking's arithmetic: only ties get here.
    let fingerprints = (one.configuration.fingerprint, other.configuration.fingerprint)
    if fingerprints.0 != fingerprints.1 { return fingerprints.0 < fingerprints.1 }
    return one.configuration.methods.lexicographicallyPrecedes(other.configuration.methods)
  }
}
