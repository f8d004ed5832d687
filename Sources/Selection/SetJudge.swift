import Glibc
import Serving

/// Judges the candidates of one set: what each is believed to cost, from the selector and from direct evidence.
///
/// A class because it remembers the selector's answers; it lives within one recommendation.
final class SetJudge {
  let set: CandidateSet
  let table: ContextTable
  /// Indices of the set's candidates that can run, and their rows in the table.
  let entries: [(candidate: Int, row: Int)]
  let contexts: WorkerContexts
  /// For each row of the table.
  let evidence: [DirectEvidence]
  /// The last jobs of this worker's engine, to ask the selector about, and what they really took.
  let recent: [(rows: TableRows, costs: LogCosts)]
  /// What each row's configuration loses of the model's output; nil where it was not measured, and where there is no
  /// row at all because nothing is known of the model.
  private let losses: [QualityLoss?]
  /// Whether energy was ever measured on hardware like this.
  let hasEnergyEvidence: Bool

  private let index: EvidenceIndex
  /// The selector's answers, by metric, as far as it was asked; and where in them a row is.
  private var foresights: [CostMetric: (answer: Foresight, places: [Int: Int]?)] = [:]

  /// Nil for a set without candidates.
  init?(_ set: CandidateSet, index: EvidenceIndex) {
    guard let engine = set.candidates.first?.configuration.engine else { return nil }
    self.set = set
    self.index = index
    var configurations: [EngineConfiguration] = []
    var entries: [(Int, Int)] = []
    for (place, candidate) in set.candidates.enumerated() where candidate.isApplicable {
      if candidate.configuration.knobs.isEmpty {
        entries.append((place, 0))
      } else {
        configurations.append(candidate.configuration)
        entries.append((place, configurations.count))
      }
    }
    self.entries = entries
    table = ContextTable(
      model: set.model, available: set.available, hardware: set.hardware, workload: set.workload,
      engine: engine,
      configurations: configurations)
    let contexts = index.contexts(
      model: set.model, hardware: set.hardware, worker: set.worker, engine: engine, workload: set.workload)
    self.contexts = contexts
    hasEnergyEvidence = index.hasEnergy(on: set.hardware)
    evidence = table.configurations.map { index.evidence(contexts, $0) }
    recent = (index.nodes.recent(set.worker, engine)?.outcomes ?? []).map { outcome in
      (outcome.question(hardware: set.hardware, available: set.available), outcome.costs)
    }
    losses =
      index.qualities.knows(set.model.id)
      ? table.configurations.map { index.qualities.loss(model: set.model.id, $0) } : []
  }

  func quality(_ row: Int) -> QualityLoss? { losses.isEmpty ? nil : losses[row] }

  /// Whether measurements stand behind what is said of the set as a whole.
  func isInformed(_ metric: CostMetric) -> Bool {
    foresights[metric]?.answer.isInformed == true
      || evidence[0].successCount > 0 && evidence.contains { $0.pairCount > 0 }
  }

  /// Whether measurements stand behind what is said of one row.
  func isInformed(_ row: Int, _ metric: CostMetric) -> Bool {
    foresights[metric]?.answer.isInformed == true || evidence[row].pairCount > 0 || evidence[row].successCount > 0
  }

  func source(_ metric: CostMetric) -> String { foresights[metric]?.answer.source ?? "" }

  /// Whether the selector was asked for a metric.
  func hasForesight(_ metric: CostMetric) -> Bool { foresights[metric] != nil }

  /// Every row, the default's first.
  var allRows: [Int] { Array(0..<table.configurations.count) }

  /// Takes the selector's answer for some rows; nil for all of them. The first answer for a metric stays.
  func take(_ answer: Foresight, _ metric: CostMetric, rows: [Int]?) {
    guard foresights[metric] == nil else { return }
    foresights[metric] = (answer, rows.map { Dictionary(uniqueKeysWithValues: zip($0, 0...)) })
  }

  /// What is believed of a row; nil for a metric or row that was not asked for.
  func posterior(_ row: Int, _ metric: CostMetric) -> Posterior? {
    guard let (answer, places) = foresights[metric] else { return nil }
    if let places {
      return places[row].map { posterior(row, metric, answer, prior: answer.ratios[$0]) }
    }
    return posterior(row, metric, answer, prior: answer.ratios[row])
  }

  private func posterior(_ row: Int, _ metric: CostMetric, _ answer: Foresight, prior: LogEstimate) -> Posterior {
    let own = evidence[row]
    var posterior = Posterior(
      level: answer.level, prior: row == 0 ? nil : prior, own: own, baseline: evidence[0], metric, noise: index)
    let isMeasured = own.level(metric, in: index) ?? own.jobs(metric, in: index) != nil
    let factor = isMeasured ? answer.costFactors.measured : answer.costFactors.unmeasured
    posterior.cost.variance *= factor * factor
    return posterior
  }

  /// What the selector foresees of a row's ratio, before anything measured; nil for what it was not asked for.
  func foreseenRatio(_ row: Int, _ metric: CostMetric) -> Double? {
    guard let (answer, places) = foresights[metric] else { return nil }
    guard let places else { return answer.ratios[row].mean }
    return places[row].map { answer.ratios[$0].mean }
  }

  /// How much of a ratio's doubt the candidates of the set have in common: what the selector misjudges in a context it
  /// mostly misjudges for all. A measured one has no part in that.
  func commonShare(_ row: Int, _ metric: CostMetric) -> Double {
    guard row != 0, evidence[row].successCount == 0, evidence[row].pairCount == 0 else { return 0 }
    return foresights[metric]?.answer.commonShare ?? 0
  }

  /// Seconds of one block of the workload, without the engine's start; nil when its throughput is not foreseen.
  func blockSeconds(_ row: Int) -> Double? {
    guard let cost = posterior(row, .throughput)?.cost else { return nil }
    return Double(set.workload.requestCount) * set.workload.meanOutputTokens * exp(cost.mean)
  }

  /// Seconds of an engine's start, as trials saw it; nil when none ran.
  var loadSeconds: Double? { index.loadSeconds(model: set.model.id, hardware: set.hardware) }

  /// A percentile of a latency, in milliseconds: the foreseen mean times what was seen of tails. Nil when the mean is
  /// not foreseen.
  func percentile(_ row: Int, _ slo: SLO) -> Double? {
    let metric = slo.metric.cost
    guard let posterior = posterior(row, metric) else { return nil }
    let tail =
      index.tailRatio(
        contexts.ofNode.current, slo.metric, percentile: slo.percentile, concurrency: set.workload.concurrency) ?? 1
    return metric.value(logCost: posterior.cost.mean) * tail
  }
}
