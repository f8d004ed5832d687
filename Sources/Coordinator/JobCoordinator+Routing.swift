import Acceleration
import History
import Messaging
import Selection
import Serving

/// A question to the selector, with all it needs: a value that is answered anywhere.
private struct Ranking: Sendable {
  var source: CandidateSource
  var model: ModelProfile
  var available: [ModelProfile] = []
  var workload: Workload
  var objective: Objective
  var limits: Limits
  var workers: [(name: WorkerName, description: WorkerDescription)]
  /// In place of the workers.
  var hardware: HardwareProfile?
  var selector: SelectorModel?
  var evidence: EvidenceIndex
  /// Fingerprints of what each worker has loaded.
  var warm: [WorkerName: [String]] = [:]
  /// See `RecommendQuery`.
  var inFull = false
  var explains = false

  func run() async -> Recommendation { await route().recommendation }

  /// On the concurrent pool: proposing and predicting for many workers takes milliseconds.
  @concurrent func route() async -> (recommendation: Recommendation, options: [ExplorationOption]) {
    let sets =
      if let hardware {
        source.sets(model: model, available: available, workload: workload, limits: limits, hardware: hardware)
      } else {
        source.sets(model: model, workload: workload, limits: limits, workers: workers)
      }
    let recommender = Recommender(model: selector, evidence: evidence)
    var answer = recommender.route(sets, objective: objective, limits: limits, inFull: inFull)
    if explains {
      answer.recommendation.explanation = recommender.explain(
        answer.recommendation, sets, objective: objective, limits: limits)
    }
    for place in answer.options.indices {
      let option = answer.options[place]
      if warm[option.worker]?.contains(option.candidate.configuration.fingerprint) == true {
        answer.options[place].loadSeconds = 0
      }
    }
    return answer
  }
}

/// Which strategy, where: for waiting jobs and for those who ask.
extension JobCoordinator {
  /// Pages in which the history is read at the start.
  private static let pageSize = 2000
  /// Rankings may hold the evidence for so long before it is changed under them, at the price of a copy.
  private static let evidencePatience = Duration.seconds(5)

  func rank(_ key: RouteKey) {
    metrics.rankings += 1
    let workers = directory.live(having: key.model)
    guard let model = directory.models[key.model], !workers.isEmpty else {
      decide(.routed(key, []))
      return
    }
    let ranking = Ranking(
      source: candidates, model: model, workload: key.workload(fitting: model.contextLength),
      objective: key.objective, limits: key.limits,
      workers: workers, selector: selector, evidence: evidence, warm: directory.warmConfigurations)
    rankingCount += 1
    background?.start {
      let (recommendation, options) = await ranking.route()
      await self.ranked(key, recommendation, options)
    }
  }

  private func ranked(_ key: RouteKey, _ recommendation: Recommendation, _ options: [ExplorationOption]) {
    rankingCount -= 1
    var choices = RouteChoices.make(from: recommendation, mayDraft: !key.wantsLogprobs)
    var options = key.wantsLogprobs ? options.filter { !$0.candidate.configuration.drafts } : options
    if key.usesTools, let model = directory.models[key.model], model.takesTools == false {
      choices.removeAll { !directory.isAttached($0.candidate.configuration.engine, on: $0.worker) }
      options.removeAll { !directory.isAttached($0.candidate.configuration.engine, on: $0.worker) }
      if choices.isEmpty { return decide(.unroutable(key, reason: ToolCheck.noTemplate(model).reason, .toolsRefused)) }
    }
    if choices.isEmpty {
      guard let refusal = recommendation.refusal else {
        return decide(.unroutable(key, reason: "no engine here can run the model"))
      }
      decide(.unroutable(key, reason: "nothing can run it within its limits: \(refusal)", .limitsUnmet))
    } else {
      decide(.routed(key, choices, exploring: options))
    }
  }

  func recommend(_ query: RecommendQuery, _ asker: Asker) throws(ApusError) {
    let check = RequestCheck(models: directory.models)
    let model = try check.model(query.model)
    try check.workload(query.workload)
    try check.limits(query.limits)
    var workers = directory.live(having: query.model)
    if let name = query.worker { workers.removeAll { $0.name != name } }
    if workers.isEmpty, query.hardware == nil {
      throw ApusError(
        .unavailable,
        query.worker.map { "worker \($0) is not connected or does not have \(model.name)" }
          ?? "no connected worker has \(model.name)",
        advice: "start a worker that has it, push it with `apus model push`, or give a hardware profile")
    }
    let ranking = Ranking(
      source: candidates, model: model, available: directory.models.values.sorted { $0.id < $1.id },
      workload: query.workload, objective: query.objective, limits: query.limits, workers: workers,
      hardware: query.hardware, selector: selector, evidence: evidence, inFull: query.inFull,
      explains: query.explains)
    rankingCount += 1
    do {
      try self.query(asker) { () async throws(ApusError) in
        var recommendation = await ranking.run()
        await self.rankingEnded()
        if let subject = recommendation.explanation.map({ recommendation.candidates[$0.subject] }) {
          let node = ranking.workers.first { $0.name == subject.worker }
          recommendation.explanation?.evidence = try await self.nearestEvidence(
            subject, query, hardware: query.hardware ?? node?.description.hardware)
        }
        return .recommendation(recommendation)
      }
    } catch {
      rankingCount -= 1
      throw error
    }
  }

  private func rankingEnded() { rankingCount -= 1 }

  /// The measurements of the history, its newest ones if there are many, that say most about a candidate.
  private func nearestEvidence(
    _ ranked: RankedCandidate, _ query: RecommendQuery, hardware: HardwareProfile?
  ) async throws(ApusError) -> [Explanation.Evidence] {
    guard let hardware else { return [] }
    var nearest = NearestEvidence(
      model: query.model, hardware: hardware, workload: query.workload, configuration: ranked.candidate.configuration,
      objective: query.objective)
    let newest = Int64(try await store.stats().measurementCount) - NearestEvidence.mostRows
    var filter = MeasurementFilter(model: query.model, afterRow: max(0, newest), limit: Self.pageSize)
    while true {
      let page = try await store.measurements(filter, includingSamples: false)
      for stored in page { nearest.add(stored.measurement) }
      guard let last = page.last, page.count == Self.pageSize else { return nearest.evidence }
      filter.afterRow = last.row
    }
  }

  /// What the selector would use for each of a benchmark's questions, exact methods only.
  func answers(
    to questions: [SelectorQuestion], objective: Objective
  ) async -> [SelectorQuestion: Recommendation] {
    // The last blocks count too, though they came a moment ago.
    takeInEvidence()
    var answers: [SelectorQuestion: Recommendation] = [:]
    for question in questions {
      let worker = question.worker
      guard let description = directory.live.first(where: { $0.name == worker })?.description else { continue }
      let ranking = Ranking(
        source: candidates, model: question.model, workload: question.workload, objective: objective, limits: Limits(),
        workers: [(worker, description)], selector: selector, evidence: evidence)
      rankingCount += 1
      answers[question] = await ranking.run()
      rankingCount -= 1
    }
    return answers
  }

  // MARK: Evidence

  func loadEvidence() async throws(ApusError) {
    var filter = MeasurementFilter(limit: Self.pageSize)
    while true {
      let page = try await store.measurements(filter, includingSamples: false)
      for stored in page {
        evidence.insert(stored.measurement)
        qualityCoverage.note(stored.measurement)
      }
      guard let last = page.last, page.count == Self.pageSize else { return }
      filter.afterRow = last.row
    }
  }

  /// A measurement is in the history. It counts at once, or, while rankings hold the evidence, when they are done.
  func remember(_ measurement: Measurement) {
    guard recentMeasurements.insert(measurement.id) else { return }
    var measurement = measurement
    measurement.samples = []
    if rankingCount == 0, newEvidence.isEmpty {
      tell(evidence.insert(measurement))
    } else {
      newEvidence.append(measurement)
    }
    hasNewEvidence = true
    training.policy.measured()
    watchSelector(measurement)
  }

  /// Has the routes ranked again on new evidence, and takes in what waited; both not too often: a copy of the evidence
  /// may be with a ranking, and under load a measurement comes with every job.
  func learn(at now: Duration) {
    guard hasNewEvidence, now - lastEvidenceAt >= .seconds(configuration.routeRefreshSeconds) else { return }
    guard rankingCount == 0 || now - lastEvidenceAt >= Self.evidencePatience else { return }
    lastEvidenceAt = now
    takeInEvidence()
    decide(.routesStale)
  }

  func takeInEvidence() {
    for measurement in newEvidence {
      tell(evidence.insert(measurement))
    }
    newEvidence = []
    hasNewEvidence = false
  }

  private func tell(_ changes: [KnowledgeChange]) {
    guard !changes.isEmpty else { return }
    for change in changes where changeLog.isNews(change, at: time.now()) {
      logger.warning("what was measured before counts for less: \(change)")
    }
    metrics.knowledgeChanges += changes.count
    training.policy.knowledgeDidChange()
  }
}
