import Serving

/// What a ranking comes to: use the first, measure first, or stay with the default, with the reasons, how sure that is,
/// and what to measure when it is not.
struct RankedDecision {
  /// Candidates to measure when the choice is not sure, and rounds of each in turns with the default.
  static let mostToMeasure = 3
  static let roundsToMeasure = 2.0

  private(set) var decision: Recommendation.Decision
  private(set) var reasons: [String]
  /// Nil where nothing can run.
  let confidence: ChoiceConfidence?
  /// Those most likely to be the best, when the choice is not sure.
  let toMeasure: [RankingEntry]

  /// - Parameter ranking: the applicable candidates, best first.
  init(_ ranking: [RankingEntry], _ judges: [SetJudge], _ objective: Objective) {
    let metric = CostMetric(objective)
    let confidence = Self.confidence(ranking, judges, metric)
    self.confidence = confidence
    toMeasure = Self.toMeasure(ranking, confidence)
    (decision, reasons) = Self.decide(ranking, judges, metric, toMeasure)
    if let reason = ranking.first?.scale?.incomparable {
      reasons.append(reason)
      // Strategies of one node cost as much more as they take longer, whatever its price; nothing says so of energy.
      if objective == .energy { decision = .measureFirst }
    }
    reasons += judges.compactMap(\.contexts.ofNode.change).map { "what was measured before counts for less: \($0)" }
  }

  private static func decide(
    _ ranking: [RankingEntry], _ judges: [SetJudge], _ metric: CostMetric, _ toMeasure: [RankingEntry]
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
    let promising = toMeasure.first {
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

  private static func toMeasure(_ ranking: [RankingEntry], _ confidence: ChoiceConfidence?) -> [RankingEntry] {
    guard let confidence, confidence.probability < ChoiceConfidence.sure else { return [] }
    return Array(
      confidence.winners.map { ranking[$0.place] }.filter { !$0.isBaseline }.prefix(mostToMeasure))
  }

  /// What to measure, by its places in the final ranking, and how long that takes; nil when there is nothing.
  ///
  /// - Parameter places: of `toMeasure` in `ranking`.
  static func plan(_ places: [Int], in ranking: [RankingEntry], _ judges: [SetJudge]) -> MeasurementPlan? {
    guard !places.isEmpty else { return nil }
    return MeasurementPlan(candidates: places, seconds: seconds(places.map { ranking[$0] }, judges))
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
}
