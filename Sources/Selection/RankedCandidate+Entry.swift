import Serving

/// From a judged candidate to what people are told of it.
extension RankedCandidate {
  /// - Parameter inFull: whether all metrics and reasons are wanted, not just the objective's.
  init(_ entry: RankingEntry, _ judge: SetJudge, objective: Objective, inFull: Bool) {
    var candidate = judge.set.candidates[entry.candidate]
    candidate.refusedReason = entry.refusedReason
    let quality = entry.row >= 0 ? judge.quality(entry.row) : nil
    candidate.fidelity = candidate.fidelity.corrected(by: quality)
    self.init(candidate: candidate, worker: judge.set.worker, quality: quality)
    guard let posterior = entry.posterior else {
      reasons = [entry.refusedReason].compactMap { $0 }
      return
    }
    let metric = CostMetric(objective)
    let own = judge.evidence[entry.row]
    evidenceCount = own.count
    interval = entry.scale?.interval(posterior.cost.interval)
    if entry.baseline != nil {
      speedup = Words.speedup(entry)
      let ratio = posterior.ratio.interval
      speedupInterval =
        CostMetric.e2e.value(
          logCost: -ratio.upperBound)...CostMetric.e2e.value(logCost: -ratio.lowerBound)
    }
    for each in CostMetric.allCases where inFull || each == metric {
      if each == .memory, judge.set.isAttached { continue }
      if each == .energy, !judge.hasEnergyEvidence { continue }
      guard let cost = each == metric ? posterior.cost : judge.posterior(entry.row, each)?.cost
      else { continue }
      predicted.set(each, each.value(logCost: cost.mean))
      intervals.set(each, each.interval(logCost: cost.interval))
    }
    settle(outputTokens: judge.set.workload.meanOutputTokens)
    predicted.setCost(pricePerHour: judge.set.pricePerHour)
    intervals.setCost(pricePerHour: judge.set.pricePerHour)
    if inFull || entry.refusedReason != nil {
      reasons =
        Words.reasons(entry, own, source: judge.source(metric)) + [quality.map(Words.quality)].compactMap { $0 }
    }
  }

  /// Each metric is foreseen by itself; a request still cannot end before its tokens have come: E2E is at least
  /// TTFT + TPOT x (output tokens - 1).
  private mutating func settle(outputTokens: Double) {
    guard let ttftMS = predicted.ttftMS, let tpotMS = predicted.tpotMS, let whole = predicted.e2eMS else { return }
    let settled = max(whole, ttftMS + tpotMS * max(0, outputTokens - 1))
    predicted.e2eMS = settled
    if let range = intervals.e2eMS { intervals.e2eMS = range.lowerBound...max(range.upperBound, settled) }
  }
}

extension PredictedMetrics {
  fileprivate mutating func set(_ metric: CostMetric, _ value: Double) {
    guard value.isFinite else { return }
    switch metric {
    case .ttft: ttftMS = value
    case .tpot: tpotMS = value
    case .e2e: e2eMS = value
    case .throughput: throughput = value
    case .memory: memoryBytes = Int(min(value, 1e18))
    case .energy: joulesPerToken = value
    }
  }
}

extension PredictedIntervals {
  fileprivate mutating func set(_ metric: CostMetric, _ range: ClosedRange<Double>) {
    guard range.upperBound.isFinite else { return }
    switch metric {
    case .ttft: ttftMS = range
    case .tpot: tpotMS = range
    case .e2e: e2eMS = range
    case .throughput: throughput = range
    case .memory: memoryBytes = range
    case .energy: joulesPerToken = range
    }
  }
}
