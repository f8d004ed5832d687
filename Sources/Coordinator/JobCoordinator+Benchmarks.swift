import Acceleration
import History
import Messaging
import Selection
import Serving

/// A benchmark that runs, and who is told about it.
struct BenchmarkRun: Sendable {
  var planner: TrialPlanner
  var asker: Asker
  /// Whether the selector is working on the planner's questions.
  var isAsking = false
}

/// Benchmarks: from a wish to trials, from measurements to findings.
extension JobCoordinator {
  func startBenchmark(_ spec: BenchmarkSpec, _ asker: Asker) throws(ApusError) {
    if try isFollowed(spec, asker) { return }
    let workers = directory.live
    try RequestCheck(models: directory.models).benchmark(spec, workers: workers)
    guard benchmarks.count + preparedBenchmarks.count < configuration.benchmarkLimit else {
      metrics.queueLimitReached += 1
      throw ApusError(
        .tryAgain, "\(benchmarks.count) benchmarks run already", advice: "wait for one to end, or cancel it")
    }
    guard preparedBenchmarks.insert(spec.id).inserted else {
      throw ApusError(.tryAgain, "benchmark \(spec.id) is being prepared", advice: "ask again in a moment")
    }
    let wanted = workers.filter { spec.workers.isEmpty || spec.workers.contains($0.name) }
    let proposal = BenchmarkProposal(
      spec: spec, source: candidates, models: directory.models, workers: wanted, selector: selector, evidence: evidence)
    background?.start { await self.prepare(proposal, asker) }
  }

  /// A client that went away and asked for the same benchmark again follows the one that still runs.
  ///
  /// - Returns: whether it runs; then this client is told of it, and whoever was told before is told so.
  private func isFollowed(_ spec: BenchmarkSpec, _ asker: Asker) throws(ApusError) -> Bool {
    guard let run = benchmarks[spec.id] else { return false }
    guard run.asker.peer.name == asker.peer.name else {
      throw ApusError(
        .badInput, "benchmark \(spec.id) is another client's, and runs already", advice: "give yours another name")
    }
    guard !run.planner.isWithdrawn else {
      throw ApusError(
        .tryAgain, "benchmark \(spec.id) is stopping, as its client went away",
        advice: "ask again when its last block has ended")
    }
    benchmarks[spec.id]!.asker = asker
    refuse(
      run.asker,
      ApusError(.unavailable, "benchmark \(spec.id) is followed by a later command of yours", advice: "see there"))
    report(spec.id)
    return true
  }

  private func prepare(_ proposal: BenchmarkProposal, _ asker: Asker) async {
    let spec = proposal.spec
    defer { preparedBenchmarks.remove(spec.id) }
    do throws(ApusError) {
      rankingCount += 1
      let targets = await proposal.targets()
      rankingCount -= 1
      guard !targets.isEmpty else {
        throw ApusError(
          .unavailable, "no connected worker can run any of the models",
          advice: "see `apus workers`, and push a model with `apus model push`")
      }
      let earlier = try await store.measurements(
        MeasurementFilter(benchmark: spec.id), includingSamples: false)
      var options = TrialPlanner.Options()
      options.confirmationSeconds = configuration.confirmationSeconds
      options.asksSelector = true
      var generator = SystemRandomNumberGenerator()
      var planner = TrialPlanner(
        spec: spec, targets: targets, options: options, at: time.now(), using: &generator)
      planner.resume(from: earlier.map(\.measurement), at: time.now())
      // Who was lost while this was prepared: nobody could tell a planner that was not there.
      let live = Set(directory.live.map(\.name))
      for worker in Set(targets.map(\.worker)).subtracting(live) { planner.workerGone(worker, at: time.now()) }
      benchmarks[spec.id] = BenchmarkRun(planner: planner, asker: asker)
      report(spec.id)
      advance(spec.id)
    } catch {
      refuse(asker, error)
    }
  }

  func cancelBenchmark(_ id: BenchmarkID, _ asker: Asker) throws(ApusError) {
    if cancelPlacement(id) { return answer(asker, .done) }
    guard benchmarks[id] != nil else {
      throw ApusError(.badInput, "no benchmark \(id) runs", advice: "there is nothing to cancel")
    }
    withdraw(id)
    answer(asker, .done)
  }

  private func withdraw(_ id: BenchmarkID) {
    benchmarks[id]?.planner.withdraw()
    for trial in benchmarks[id]?.planner.runningTrials ?? [] {
      decide(.trialWithdrawn(trial))
    }
    advance(id)
  }

  /// Starts what may start now, and ends the benchmark when nothing is left.
  func advance(_ id: BenchmarkID) {
    guard benchmarks[id] != nil else { return }
    for planned in benchmarks[id]!.planner.next(at: time.now()) {
      benchmarkOfTrial[planned.spec.id] = id
      var trial = planned.spec
      let engines = directory.entries[planned.worker]?.description.engines ?? []
      trial.qualityWanted = qualityCoverage.wanted(
        in: trial, versions: Dictionary(engines.map { ($0.name, $0.version) }, uniquingKeysWith: { first, _ in first }))
      decide(.trialPlanned(trial, planned.worker))
    }
    askSelector(id)
    guard let run = benchmarks[id], run.planner.isDone else { return }
    benchmarks[id] = nil
    var summary = run.planner.summary(at: time.now())
    summary.qualities = qualities(run.planner)
    answer(run.asker, .benchmarkEnded(summary))
    training.policy.benchmarkDidEnd()
  }

  /// What is known, from this benchmark or before, of its candidates' quality: of the part that may change the output.
  private func qualities(_ planner: TrialPlanner) -> [CandidateQuality] {
    takeInEvidence()
    var seen: Set<CandidateQuality> = []
    return planner.targets.map(\.target).flatMap { target in
      target.candidates.compactMap { candidate in
        let part = MethodCatalogue.approximatePart(of: candidate.configuration)
        guard let loss = evidence.qualities.loss(model: target.model.id, part) else { return nil }
        return CandidateQuality(
          model: target.model.id,
          candidate: Candidate(configuration: part, fidelity: MethodCatalogue.fidelity(of: part)),
          loss: loss)
      }
    }
    // Several workers have one model.
    .filter { seen.insert($0).inserted }
  }

  /// Before the winners are confirmed on fresh prompts the selector learns from all rounds so far, chooses, and says
  /// what it foresees: so the confirmation tests the selector, not a look back.
  private func askSelector(_ id: BenchmarkID) {
    guard let run = benchmarks[id], !run.isAsking, !run.planner.isWithdrawn else { return }
    let questions = run.planner.openQuestions
    guard !questions.isEmpty else { return }
    benchmarks[id]!.isAsking = true
    background?.start {
      await self.trainForConfirmation()
      let answers = await self.answers(to: questions, objective: run.planner.spec.objective)
      await self.selectorAnswered(id, questions, answers)
    }
  }

  private func selectorAnswered(
    _ id: BenchmarkID, _ questions: [SelectorQuestion], _ answers: [SelectorQuestion: Recommendation]
  ) {
    benchmarks[id]?.isAsking = false
    benchmarks[id]?.planner.answered(questions, with: answers)
    advance(id)
  }

  func trialStarted(_ trial: TrialID) {
    guard let id = benchmarkOfTrial[trial] else { return }
    benchmarks[id]?.planner.started(trial, at: time.now())
  }

  func trialMeasured(_ trial: TrialID, _ measurement: Measurement) {
    guard let id = benchmarkOfTrial[trial], benchmarks[id] != nil else { return }
    qualityCoverage.note(measurement)
    benchmarks[id]!.planner.measured(measurement, at: time.now())
    report(id)
  }

  func trialEnded(_ trial: TrialID, _ ending: TrialEnding) {
    guard let id = benchmarkOfTrial.removeValue(forKey: trial) else { return }
    benchmarks[id]?.planner.ended(trial, ending, at: time.now())
    advance(id)
  }

  /// Progress is worth only what it says now: one that finds a full connection is left out. A client that is gone
  /// takes its benchmark with it, because nobody would read the findings; what was measured stays.
  private func report(_ id: BenchmarkID) {
    guard let run = benchmarks[id] else { return }
    let progress = run.planner.progress(at: time.now())
    let message = Message.response(id: run.asker.request, .benchmarkProgress(progress))
    if sendStreamed(message, to: run.asker.peer) == .gone, !run.planner.isWithdrawn { withdraw(id) }
  }
}
