import Serving

/// The order of a recommendation: by figures, and where they are equal by name, so that it never depends on the order
/// in which candidates came.
struct RankingOrder {
  private let judges: [SetJudge]

  init(_ judges: [SetJudge]) { self.judges = judges }

  /// - Parameter isCautious: false to rank by expectation alone, for what to measure.
  func sort(_ entries: inout [RankingEntry], isCautious: Bool) {
    // An entry is large, so their keys are sorted and each entry is moved once.
    let keys = entries.map { $0.key(isCautious: isCautious) }
    var order = entries.indices.sorted { keys[$0] < keys[$1] }
    // Making names takes longer than all of the ranking's arithmetic, so only those that tie get one, and only one.
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, !(keys[order[end - 1]] < keys[order[end]]) { end += 1 }
      if end - start > 1 {
        let named = order[start..<end].map { (name: name(entries[$0]), place: $0) }
          .sorted { $0.name.lexicographicallyPrecedes($1.name) }
        order.replaceSubrange(start..<end, with: named.map(\.place))
      }
      start = end
    }
    entries = order.map { entries[$0] }
  }

  /// Worker, configuration and methods: different for different candidates.
  private func name(_ entry: RankingEntry) -> [String] {
    let set = judges[entry.set].set
    let configuration = set.candidates[entry.candidate].configuration
    return [set.worker.rawValue, configuration.fingerprint] + configuration.methods.map(\.rawValue)
  }
}
