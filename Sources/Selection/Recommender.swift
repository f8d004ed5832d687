public import Serving

/// Answers "which strategy for this task, on which node?" from a trained model and from what was measured.
///
/// 1. Judge: each candidate's cost, from the selector and from direct evidence, with its uncertainty (`SetJudge`).
/// 2. Filter: memory, SLOs, approximate methods as far as their loss allows, configurations that fail here
///    (`CandidateFilter`).
/// 3. Rank over all workers: proven gains by their expected cost; what is not proven comes after its worker's default.
/// 4. Decide: use the first, measure first, or stay with the default (`RankedDecision`).
/// 5. Describe: figures, intervals and reasons, in full for those that somebody will look at.
///
/// Pure and deterministic: the order of sets and candidates changes nothing. Costs about 1.5 ms for 200 candidates, so
/// run it off threads that must not wait.
public struct Recommender: Sendable {
  /// Candidates that get all metrics and reasons; the others get the objective's. More would only cost time: nobody
  /// reads them and no job is sent to them.
  static let described = 10
  static let describedPerSet = 3

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
    let judged = judge(sets, objective: objective, limits: limits)
    let (panel, judges) = (judged.panel, judged.judges)
    var (applicable, refused) = (judged.applicable, judged.refused)
    let decided = RankedDecision(applicable, judges, objective)
    let order = RankingOrder(judges)
    if decided.decision == .measureFirst { order.sort(&applicable, isCautious: false) }
    // Those that could be judged come first, by what they would have cost.
    order.sort(&refused, isCautious: false)

    let planned = decided.toMeasure.compactMap { wanted in
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
      RankedCandidate(entry, judges[entry.set], objective: objective, inFull: described.contains(rank))
    }
    let options = described.sorted().compactMap { rank in
      ExplorationOption(applicable[rank], judges[applicable[rank].set], described: ranked[rank], slos: limits.slos)
    }
    let recommendation = Recommendation(
      decision: decided.decision,
      candidates: ranked
        + refused.map { RankedCandidate($0, judges[$0.set], objective: objective, inFull: false) },
      reasons: decided.reasons, confidence: decided.confidence?.probability,
      measureNext: RankedDecision.plan(planned, in: applicable, judges))
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
      let filter = CandidateFilter(metric: metric, limits: limits, memoryLimit: memoryLimit)
      for var entry in filter.entries(judges[place], place) {
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
}
