import Serving

/// Which candidates of a set may be recommended, and why the others may not: fidelity, failures, memory, SLOs.
struct CandidateFilter {
  let metric: CostMetric
  let limits: Limits
  /// In bytes; nil where no candidate comes near it.
  let memoryLimit: Double?

  /// The candidates of a judge's set, each judged or refused with its reason.
  ///
  /// - Parameter place: of the set among all.
  func entries(_ judge: SetJudge, _ place: Int) -> [RankingEntry] {
    let isInformed = judge.isInformed(metric)
    let hasBaseline = judge.entries.contains { $0.row == 0 }
    let baseline = hasBaseline ? judge.posterior(0, metric)?.cost : nil
    var entries = judge.set.candidates.enumerated().compactMap { index, candidate in
      candidate.refusedReason.map {
        RankingEntry(set: place, candidate: index, row: -1, refusedReason: $0)
      }
    }
    for (index, row) in judge.entries {
      var entry = RankingEntry(set: place, candidate: index, row: row)
      entry.posterior = judge.posterior(row, metric)
      entry.baseline = baseline
      entry.isInformed = judge.isInformed(row, metric)
      entry.refusedReason =
        QualityRule.refusal(of: judge.set.candidates[index].fidelity, judge.quality(row), limits)
        ?? Self.failures(judge.evidence[row]) ?? excessMemory(judge, row) ?? (isInformed ? missedSLO(judge, row) : nil)
      entries.append(entry)
    }
    return entries
  }

  private static func failures(_ own: DirectEvidence) -> String? {
    own.failures > 0 && own.successCount == 0 ? "failed all \(own.failures) times it was tried here" : nil
  }

  private func excessMemory(_ judge: SetJudge, _ row: Int) -> String? {
    guard let memoryLimit, let cost = judge.posterior(row, .memory)?.cost else { return nil }
    let bytes = CostMetric.memory.value(logCost: cost.mean)
    guard bytes > memoryLimit else { return nil }
    return "would take \(Words.megabytes(bytes)) of memory, over the limit of \(Words.megabytes(memoryLimit))"
  }

  private func missedSLO(_ judge: SetJudge, _ row: Int) -> String? {
    for slo in limits.slos {
      if let value = judge.percentile(row, slo), value > slo.limitMS { return Words.missed(slo, value) }
    }
    return nil
  }
}
