import Serving

/// The order of a recommendation: by figures, and where they are equal by name, so that it never depends on the order
/// in which candidates came.
struct RankingOrder {
  private let judges: [SetJudge]

  init(_ judges: [SetJudge]) { self.judges = judges }

  /// - Parameter isCautious: false to rank by expectation alone, for what to measure.
  func sort(_ entries: inout [RankingEntry], isCautious: Bool) {
    entries.sort { $0.goesBefore($1, isCautious: isCautious) }
    // Making names takes longer than all of the ranking's arithmetic, so only those that tie get one, and only one.
    var start = 0
    while start < entries.count {
      var end = start + 1
      while end < entries.count, !entries[end - 1].goesBefore(entries[end], isCautious: isCautious) { end += 1 }
      if end - start > 1 {
        let named = entries[start..<end].map { (name: name($0), entry: $0) }
          .sorted { $0.name.lexicographicallyPrecedes($1.name) }
        entries.replaceSubrange(start..<end, with: named.map(\.entry))
      }
      start = end
    }
  }

  /// Worker, configuration and methods: different for different candidates.
  private func name(_ entry: RankingEntry) -> [String] {
    let set = judges[entry.set].set
    let configuration = set.candidates[entry.candidate].configuration
    return [set.worker.rawValue, configuration.fingerprint] + configuration.methods.map(\.rawValue)
  }
}
