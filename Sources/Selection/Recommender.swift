public import Serving

/// Answers "which strategy for this task, on which node?" from a trained model and from what was measured.
///
/// 1. Judge: each candidate's cost, from the selector and from direct evidence, with its uncertainty (`SetJudge`).
/// 2. Filter: memory, SLOs, approximate methods as far as their loss allows (`QualityRule`), configurations that fail here.
/// 3. Rank over all workers: proven gains by their expected cost; what is not proven comes after its worker's default.
/// 4. Decide: use the first, measure first, or stay with the default.
///
/// Pure and deterministic: the order of sets and candidates changes nothing. Costs about 1.3 ms for 200 candidates, so
/// run it off threads that must not wait.
public struct Recommender: Sendable {
  /// Candidates that get all metrics and reasons; the others get the objective's. More would only cost time: nobody
  /// reads them and no job is sent to them.
  static let described = 10
  static let describedPerSet = 3
  /// Candidates to measure when the choice is not sure, and rounds of each in turns with the default.
  static let mostToMeasure = 3
  static let roundsToMeasure = 2.0

  let model: SelectorModel?
  let selectors: [any Selector]
  let evidence: EvidenceIndex

  public init(model: SelectorModel?, evidence: EvidenceIndex) {
    self.model = model
    self.evidence = evidence
    // Trees answer everywhere, so what comes after them is made only without them: it takes a pass over the evidence.
    var selectors: [any Selector] = []
    for kind in SelectorCatalogue.all {
      guard let selector = kind.make(model, evidence) else { continue }
      selectors.append(selector)
      if selector is BoostedTreesSelector { break }
    }
    self.selectors = selectors
  }

  /// - Parameters:
  ///   - sets: one for each worker and engine.
  ///   - inFull: whether every applicable candidate gets all metrics, not just the first ones.
  /// - Returns: applicable candidates best first, then the refused ones.
  public func recommend(
    _ sets: [CandidateSet], objective: Objective, limits: Limits, inFull: Bool = false
  ) -> Recommendation {
    route(sets, objective: objective, limits: limits, inFull: inFull).recommendation
  }

  /// The same, with what a job could try in place of the recommended: those candidates that are described in full.
  public func route(
    _ sets: [CandidateSet], objective: Objective, limits: Limits, inFull: Bool = false
  ) -> (recommendation: Recommendation, options: [ExplorationOption]) {
    let metric = CostMetric(objective)
    let judged = judge(sets, objective: objective, limits: limits)
    let (panel, judges) = (judged.panel, judged.judges)
    var (applicable, refused) = (judged.applicable, judged.refused)
    let order = RankingOrder(judges)
    let confidence = Self.confidence(applicable, judges, metric)
    var (decision, reasons) = Self.decide(applicable, judges, metric, confidence)
    let toMeasure = Self.toMeasure(applicable, confidence)
    if let reason = applicable.first?.scale?.incomparable {
      reasons.append(reason)
      // Strategies of one node cost as much more as they take longer, whatever its price; nothing says so of energy.
      if objective == .energy { decision = .measureFirst }
    }
    reasons += judges.compactMap(\.contexts.ofNode.change).map { "what was measured before counts for less: \($0)" }
    if decision == .measureFirst { order.sort(&applicable, isCautious: false) }
    // Those that could be judged come first, by what they would have cost.
    order.sort(&refused, isCautious: false)

    let planned = toMeasure.compactMap { wanted in
      applicable.firstIndex { $0.set == wanted.set && $0.candidate == wanted.candidate }
    }
    let described =
      inFull
      ? Set(applicable.indices) : Self.describedEntries(applicable, setCount: judges.count).union(planned)
    let rows = Dictionary(grouping: described.map { applicable[$0] }, by: \.set)
      .mapValues { Optional(Set($0.map(\.row)).sorted()) }
    for metric in CostMetric.allCases {
      panel.foresee(metric, metric == .energy ? rows.filter { judges[$0.key].hasEnergyEvidence } : rows)
    }
    let ranked = applicable.enumerated().map { rank, entry in
      Self.describe(entry, judges[entry.set], objective: objective, inFull: described.contains(rank))
    }
    let options = described.sorted().compactMap { rank in
      ExplorationOption(applicable[rank], judges[applicable[rank].set], described: ranked[rank], slos: limits.slos)
    }
    let recommendation = Recommendation(
      decision: decision,
      candidates: ranked
        + refused.map { Self.describe($0, judges[$0.set], objective: objective, inFull: false) },
      reasons: reasons, confidence: confidence?.probability,
      measureNext: planned.isEmpty
        ? nil
        : MeasurementPlan(candidates: planned, seconds: Self.seconds(planned.map { applicable[$0] }, judges)))
    return (recommendation, options)
  }

  /// All candidates, judged and filtered.
  struct Judged {
    let panel: JudgePanel
    /// Best first, what is not proven after its node's default.
    let applicable: [RankingEntry]
    let refused: [RankingEntry]

    var judges: [SetJudge] { panel.judges }
  }

  func judge(_ sets: [CandidateSet], objective: Objective, limits: Limits) -> Judged {
    let metric = CostMetric(objective)
    let panel = JudgePanel(sets, selectors: selectors, index: evidence, metric: metric)
    let judges = panel.judges
    let memoryLimits = judges.map {
      Double(min(limits.memoryBytes ?? .max, $0.set.engineMemoryBytes ?? .max, $0.set.hardware.memoryBytes))
    }
    let scales = judges.map { ObjectiveScale(objective, $0.set, hasEnergyEvidence: $0.hasEnergyEvidence) }
    let tight = judges.indices.filter { place in
      // The estimate has been checked when candidates were proposed; what is foreseen matters where it comes close.
      !judges[place].set.isAttached
        && judges[place].table.estimates.contains { 2 * $0.memoryBytes > memoryLimits[place] }
    }
    for needed in Set(limits.slos.map(\.metric.cost)) {
      panel.foresee(needed, Dictionary(uniqueKeysWithValues: judges.indices.map { ($0, nil) }))
    }
    panel.foresee(.memory, Dictionary(uniqueKeysWithValues: tight.map { ($0, nil) }))
    var applicable: [RankingEntry] = []
    var refused: [RankingEntry] = []
    for place in judges.indices {
      let memoryLimit = tight.contains(place) ? memoryLimits[place] : nil
      for var entry in Self.entries(judges[place], place, metric: metric, limits: limits, memoryLimit: memoryLimit) {
        entry.scale = scales[place]
        if entry.refusedReason == nil { applicable.append(entry) } else { refused.append(entry) }
      }
    }
    RankingOrder(judges).sort(&applicable, isCautious: true)
    return Judged(panel: panel, applicable: applicable, refused: refused)
  }

  /// Ranks of the candidates somebody will look at: the first ones, the first of each set, and the defaults.
  private static func describedEntries(_ ranking: [RankingEntry], setCount: Int) -> Set<Int> {
    var perSet = [Int](repeating: 0, count: setCount)
    return Set(
      ranking.indices.filter { rank in
        let entry = ranking[rank]
        perSet[entry.set] += 1
        return rank < described || perSet[entry.set] <= describedPerSet || entry.isBaseline
      })
  }

  // MARK: Judge and filter

  /// - Parameter memoryLimit: in bytes; nil where no candidate comes near it.
  private static func entries(
    _ judge: SetJudge, _ place: Int, metric: CostMetric, limits: Limits, memoryLimit: Double?
  ) -> [RankingEntry] {
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
      let own = judge.evidence[row]
      if let refusal = QualityRule.refusal(
        of: judge.set.candidates[index].fidelity, judge.quality(row), limits)
      {
        entry.refusedReason = refusal
      } else if own.failures > 0, own.successCount == 0 {
        entry.refusedReason = "failed all \(own.failures) times it was tried here"
      } else if let memoryLimit, let memory = judge.posterior(row, .memory)?.cost,
        CostMetric.memory.value(logCost: memory.mean) > memoryLimit
      {
        entry.refusedReason =
          "would take \(Words.megabytes(CostMetric.memory.value(logCost: memory.mean))) of memory, "
          + "over the limit of \(Words.megabytes(memoryLimit))"
      } else if isInformed {
        entry.refusedReason = missedSLO(judge, row, limits.slos)
      }
      entries.append(entry)
    }
    return entries
  }

  private static func missedSLO(_ judge: SetJudge, _ row: Int, _ slos: [SLO]) -> String? {
    for slo in slos {
      if let value = judge.percentile(row, slo), value > slo.limitMS {
        return Words.missed(slo, value)
      }
    }
    return nil
  }

  // MARK: Decide

  private static func decide(
    _ ranking: [RankingEntry], _ judges: [SetJudge], _ metric: CostMetric, _ confidence: ChoiceConfidence?
  ) -> (Recommendation.Decision, [String]) {
    guard let first = ranking.first else {
      return (.default, ["no candidate can run within the limits"])
    }
    let judge = judges[first.set]
    if first.isProven {
      return (
        .use,
        [
          "its gain over the default is above 1 with 95% probability, judged by \(judge.source(metric))"
        ]
      )
    }
    guard judge.isInformed(metric) else {
      return (
        .measureFirst,
        [
          "\(judge.set.model.name) was not measured on hardware like that of \(judge.set.worker) yet; "
            + "the order is by \(judge.source(metric))"
        ]
      )
    }
    guard first.isBaseline else {
      return (
        .use, ["the engine's default cannot run within the limits, and this is the best that can"]
      )
    }
    let nothingBetter = "nothing measured or foreseen is better than the default beyond doubt"
    let promising = toMeasure(ranking, confidence).first {
      $0.set == first.set && judge.evidence[$0.row].successCount == 0 && judge.evidence[$0.row].pairCount == 0
    }
    guard let promising else { return (.default, [nothingBetter]) }
    let label = judge.set.candidates[promising.candidate].configuration.label
    let promise = "\(label) promises \(Words.times(Words.speedup(promising))) the default and was never measured here"
    // Where a benchmark ran, its answer stands; there is always one more combination that could be tried.
    let wasBenchmarked = judge.evidence.contains { $0.pairCount > 0 && !$0.isNear }
    return wasBenchmarked ? (.default, [nothingBetter, promise]) : (.measureFirst, [promise])
  }

  /// How sure the choice is: the first where its gain is proven, else the first default.
  private static func confidence(
    _ ranking: [RankingEntry], _ judges: [SetJudge], _ metric: CostMetric
  ) -> ChoiceConfidence? {
    guard let first = ranking.first else { return nil }
    let choice = first.isProven ? 0 : ranking.firstIndex(where: \.isBaseline) ?? 0
    return ChoiceConfidence(ranking, choice: choice) { judges[$0.set].commonShare($0.row, metric) }
  }

  /// Those most likely to be the best, when the choice is not sure.
  private static func toMeasure(_ ranking: [RankingEntry], _ confidence: ChoiceConfidence?) -> [RankingEntry] {
    guard let confidence, confidence.probability < ChoiceConfidence.sure else { return [] }
    return Array(
      confidence.winners.map { ranking[$0.place] }.filter { !$0.isBaseline }.prefix(mostToMeasure))
  }

  /// Time to measure candidates in turns with their nodes' defaults, nodes side by side; nil when it cannot be said.
  private static func seconds(_ entries: [RankingEntry], _ judges: [SetJudge]) -> Double? {
    var longest = 0.0
    for (set, entries) in Dictionary(grouping: entries, by: \.set) {
      guard let load = judges[set].loadSeconds else { return nil }
      var seconds = 0.0
      for row in [0] + entries.map(\.row) {
        guard let block = judges[set].blockSeconds(row) else { return nil }
        seconds += load + roundsToMeasure * block
      }
      longest = max(longest, seconds)
    }
    return longest
  }

  // MARK: Describe

  private static func describe(
    _ entry: RankingEntry, _ judge: SetJudge, objective: Objective, inFull: Bool
  ) -> RankedCandidate {
    var candidate = judge.set.candidates[entry.candidate]
    candidate.refusedReason = entry.refusedReason
    let quality = entry.row >= 0 ? judge.quality(entry.row) : nil
    candidate.fidelity = candidate.fidelity.corrected(by: quality)
    var ranked = RankedCandidate(candidate: candidate, worker: judge.set.worker, quality: quality)
    guard let posterior = entry.posterior else {
      ranked.reasons = [entry.refusedReason].compactMap { $0 }
      return ranked
    }
    let metric = CostMetric(objective)
    let own = judge.evidence[entry.row]
    ranked.evidenceCount = own.count
    ranked.interval = entry.scale?.interval(posterior.cost.interval)
    if entry.baseline != nil {
      ranked.speedup = Words.speedup(entry)
      let ratio = posterior.ratio.interval
      ranked.speedupInterval =
        CostMetric.e2e.value(
          logCost: -ratio.upperBound)...CostMetric.e2e.value(logCost: -ratio.lowerBound)
    }
    for each in CostMetric.allCases where inFull || each == metric {
      if each == .memory, judge.set.isAttached { continue }
      if each == .energy, !judge.hasEnergyEvidence { continue }
      guard let cost = each == metric ? posterior.cost : judge.posterior(entry.row, each)?.cost
      else { continue }
      ranked.predicted.set(each, each.value(logCost: cost.mean))
      ranked.intervals.set(each, each.interval(logCost: cost.interval))
    }
    ranked.settle(outputTokens: judge.set.workload.meanOutputTokens)
    ranked.predicted.setCost(pricePerHour: judge.set.pricePerHour)
    ranked.intervals.setCost(pricePerHour: judge.set.pricePerHour)
    if inFull || entry.refusedReason != nil {
      ranked.reasons =
        Words.reasons(entry, own, source: judge.source(metric)) + [quality.map(Words.quality)].compactMap { $0 }
    }
    return ranked
  }
}

extension RankedCandidate {
  /// Each metric is foreseen by itself; a request still cannot end before its tokens have come: E2E is at least
  /// TTFT + TPOT x (output tokens - 1).
  fileprivate mutating func settle(outputTokens: Double) {
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
