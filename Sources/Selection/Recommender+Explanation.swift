import Glibc
public import Serving

/// Why the answer is what it is. Costs some tens of milliseconds, so it is made only when somebody asks.
extension Recommender {
  /// Features named one by one; the others are summed up.
  private static let namedFeatures = 6

  /// - Parameters:
  ///   - recommendation: what `recommend` said of these sets.
  /// - Returns: all but the measurements, which are the history's; nil when nothing can run.
  public func explain(
    _ recommendation: Recommendation, _ sets: [CandidateSet], objective: Objective, limits: Limits
  ) -> Explanation? {
    let applicable = recommendation.candidates.indices.filter { recommendation.candidates[$0].candidate.isApplicable }
    guard let choice = recommendation.choice,
      let chosen = applicable.first(where: { recommendation.candidates[$0] == choice })
    else { return nil }
    let runnerUp = applicable.first { $0 != chosen }
    // The default is what all are compared with: what is to be explained is why the nearest other is no better.
    let subject = choice.candidate.configuration.isDefault ? runnerUp ?? chosen : chosen
    var explanation = Explanation(subject: subject, runnerUp: runnerUp)
    explanation.contributions = contributions(recommendation.candidates[subject], sets, CostMetric(objective))
    if let runnerUp, let a = Rival(choice, sets), let b = Rival(recommendation.candidates[runnerUp], sets) {
      explanation.flips =
        workloadFlips(a, b, objective, limits) + objectiveFlips(a, b, objective, limits)
        + limitFlips(a, b, objective, limits)
    }
    return explanation
  }

  // MARK: What moved the answer

  private func contributions(
    _ ranked: RankedCandidate, _ sets: [CandidateSet], _ metric: CostMetric
  ) -> [Explanation.Contribution] {
    guard let rival = Rival(ranked, sets), let speedup = ranked.speedup, speedup > 0,
      !rival.candidate.configuration.isDefault
    else { return [] }
    let panel = JudgePanel([rival.alone], selectors: selectors, index: evidence, metric: metric)
    guard let judge = panel.judges.first, let row = judge.entries.first(where: { $0.row != 0 })?.row,
      let prior = judge.foreseenRatio(row, metric)
    else { return [] }
    var parts: [Explanation.Contribution] = []
    var rest = 0.0
    if let model, let ratio = model.ratioParts(judge.table, row: row, metric) {
      let trees = ratio.learned
      parts.append(Explanation.Contribution(name: "roofline", factor: exp(-ratio.roofline)))
      let columns = FeatureEncoder.columns
      let order = columns.indices.sorted { (abs(trees.columns[$1]), $0) < (abs(trees.columns[$0]), $1) }
      for column in order.prefix(Self.namedFeatures) where trees.columns[column] != 0 {
        let value = judge.table.features.row(row)[judge.table.features.row(row).startIndex + column]
        parts.append(
          Explanation.Contribution(
            name: columns[column], value: value.isNaN ? nil : Double(value), factor: exp(-trees.columns[column])))
      }
      rest = order.dropFirst(Self.namedFeatures).reduce(0) { $0 + trees.columns[$1] }
      parts.append(Explanation.Contribution(name: "all other features", factor: exp(-rest)))
      parts.append(Explanation.Contribution(name: "average of the history", factor: exp(-trees.base)))
      parts.append(Explanation.Contribution(name: "a forest beside these trees", factor: exp(-trees.forest)))
    } else {
      parts.append(Explanation.Contribution(name: judge.source(metric), factor: exp(-prior)))
    }
    parts.append(Explanation.Contribution(name: "measurements here", factor: speedup * exp(prior)))
    return parts.filter { abs(log($0.factor)) > 1e-6 }.sorted { abs(log($0.factor)) > abs(log($1.factor)) }
  }

  // MARK: What would change it

  /// A candidate with the set it comes from.
  private struct Rival {
    let set: CandidateSet
    let candidate: Candidate
    let index: Int

    init?(_ ranked: RankedCandidate, _ sets: [CandidateSet]) {
      for (index, set) in sets.enumerated() where set.worker == ranked.worker {
        guard
          let own = set.candidates.first(where: {
            $0.isApplicable && ConfigurationKey($0.configuration) == ConfigurationKey(ranked.candidate.configuration)
          })
        else { continue }
        self.set = set
        self.candidate = own
        self.index = index
        return
      }
      return nil
    }

    /// The set with the default and this candidate alone.
    var alone: CandidateSet { with([candidate]) }

    func with(_ candidates: [Candidate]) -> CandidateSet {
      var small = set
      small.candidates = set.candidates.filter { $0.isApplicable && $0.configuration.isDefault }
      for candidate in candidates where !small.candidates.contains(candidate) { small.candidates.append(candidate) }
      return small
    }
  }

  /// The two rivals' sets, in a workload: one set when they run on the same node.
  private func sets(_ choice: Rival, _ other: Rival, _ workload: Workload) -> [CandidateSet] {
    let pair =
      choice.index == other.index
      ? [choice.with([choice.candidate, other.candidate])] : [choice.alone, other.alone]
    return pair.map { set in
      var changed = set
      changed.workload = workload
      return changed
    }
  }

  /// Whether the runner-up goes before the choice; nil when neither can run.
  private func isOvertaken(
    _ judged: Judged, first: Int, _ choice: Rival, _ other: Rival
  ) -> Bool? {
    let otherSet = choice.index == other.index ? first : first + 1
    func entry(_ rival: Rival, _ set: Int) -> RankingEntry? {
      judged.applicable.first {
        $0.set == set && judged.judges[set].set.candidates[$0.candidate].configuration == rival.candidate.configuration
      }
    }
    switch (entry(choice, first), entry(other, otherSet)) {
    case (let a?, let b?): return b.key(isCautious: true) < a.key(isCautious: true)
    case (nil, .some): return true
    case (.some, nil): return false
    case (nil, nil): return nil
    }
  }

  private func workloadFlips(
    _ choice: Rival, _ other: Rival, _ objective: Objective, _ limits: Limits
  ) -> [Explanation.Flip] {
    let grid = WorkloadGrid.variations(of: choice.set.workload, contextLength: choice.set.model.contextLength)
    // All at once: a question to the selector costs more than its rows do.
    let perVariation = choice.index == other.index ? 1 : 2
    let all = grid.flatMap(\.self)
    let judged = judge(all.flatMap { sets(choice, other, $0.workload) }, objective: objective, limits: limits)
    var flips: [Explanation.Flip] = []
    var number = 0
    for variations in grid {
      let first = variations.indices.first {
        isOvertaken(judged, first: (number + $0) * perVariation, choice, other) == true
      }
      if let first {
        let flip = variations[first]
        flips.append(Explanation.Flip(what: flip.what, from: flip.from, to: flip.to))
      }
      number += variations.count
    }
    return flips
  }

  private func objectiveFlips(
    _ choice: Rival, _ other: Rival, _ objective: Objective, _ limits: Limits
  ) -> [Explanation.Flip] {
    // Goodput is ranked as throughput is.
    [Objective.ttft, .tpot, .e2e, .throughput, .cost, .energy].compactMap { asked in
      guard CostMetric(asked) != CostMetric(objective) || asked == .cost, asked != objective else { return nil }
      let judged = judge(sets(choice, other, choice.set.workload), objective: asked, limits: limits)
      guard judged.applicable.allSatisfy(\.isComparable),
        isOvertaken(judged, first: 0, choice, other) == true
      else { return nil }
      return Explanation.Flip(what: "objective", from: objective.rawValue, to: asked.rawValue)
    }
  }

  /// Limits that the choice would miss and the runner-up would keep.
  private func limitFlips(
    _ choice: Rival, _ other: Rival, _ objective: Objective, _ limits: Limits
  ) -> [Explanation.Flip] {
    let slos = [SLO.Metric.ttft, .tpot, .e2e].map { SLO(metric: $0, percentile: 90, limitMS: .greatestFiniteMagnitude) }
    var asking = limits
    asking.slos += slos
    let judged = judge(sets(choice, other, choice.set.workload), objective: objective, limits: asking)
    func value(_ rival: Rival, _ set: Int, _ slo: SLO) -> Double? {
      let judge = judged.judges[set]
      guard judge.isInformed(CostMetric(objective)) else { return nil }
      let row = judge.entries.first {
        judge.set.candidates[$0.candidate].configuration == rival.candidate.configuration
      }
      return row.flatMap { judge.percentile($0.row, slo) }
    }
    let otherSet = choice.index == other.index ? 0 : 1
    guard judged.judges.count > otherSet else { return [] }
    return slos.compactMap { slo in
      guard let own = value(choice, 0, slo), let others = value(other, otherSet, slo), others < 0.99 * own else {
        return nil
      }
      let name = "\(slo.metric.rawValue):p\(slo.percentile)"
      return Explanation.Flip(
        what: "slo", from: "\(name) is foreseen at \(Words.milliseconds(own))",
        to: "\(name)<=\(Words.milliseconds((own * others).squareRoot()).replacing(" ", with: ""))")
    }
  }
}
