import History
import Messaging
import Serving

/// A benchmark of placements that waits or runs, and who is told about it.
struct PlacementRun: Sendable {
  let spec: PlacementBenchmarkSpec
  let asker: Asker
  /// The hub first.
  let workers: [WorkerName]
  let startedAtMS: Int64
  /// What the hub said it does.
  var step: PlacementStep?
  /// Whether a plan that failed is in the history already.
  var hasFailure = false
  /// The first of its workers that was lost.
  var lost: WorkerName?
}

/// Placements measured on live workers: who takes part, what is stored, and what the client is told.
extension JobCoordinator {
  func benchmarkPlacement(_ spec: PlacementBenchmarkSpec, _ asker: Asker) throws(ApusError) {
    let workers = try PlacementMembers(directory).workers(for: spec)
    guard placements.count < configuration.benchmarkLimit else {
      metrics.queueLimitReached += 1
      throw ApusError(
        .tryAgain, "\(placements.count) benchmarks of placements run already", advice: "wait for one to end")
    }
    guard !placements.values.contains(where: { $0.spec.id == spec.id }) else {
      throw ApusError(.badInput, "benchmark \(spec.id) runs already", advice: "give yours another name")
    }
    let trial: TrialID = identifiers.next("trial")
    placements[trial] = PlacementRun(
      spec: spec, asker: asker, workers: workers, startedAtMS: time.wallMS(at: time.now()))
    decide(.placementPlanned(trial, spec, workers))
  }

  /// - Returns: whether a benchmark of placements has this name.
  func cancelPlacement(_ id: BenchmarkID) -> Bool {
    guard let trial = placements.first(where: { $0.value.spec.id == id })?.key else { return false }
    decide(.trialWithdrawn(trial))
    return true
  }

  /// A client that is gone takes its benchmark with it; what was measured stays.
  func placementReported(_ trial: TrialID, _ news: Result<PlacementNews, ApusError>) {
    guard var run = placements[trial] else { return }
    switch news {
    case .failure(let error):
      placements[trial] = nil
      // A node that does not answer is a result; a wish that cannot be is none.
      if error.code == .unavailable, !run.hasFailure {
        write(PendingWrite(records: [.placement(failure(of: run, error.reason))], purpose: .note))
      }
      refuse(run.asker, error)
      return
    case .success(.ended):
      placements[trial] = nil
      // After all that was measured is stored.
      write(PendingWrite(records: [], purpose: .placement(run.asker, .ended)))
      return
    case .success(.step(let step)):
      run.step = step
    case .success(.measured(var measurement)):
      // What it is of is the coordinator's word, not the hub's.
      measurement.hub = run.workers[0]
      measurement.benchmark = run.spec.id
      measurement.model = run.spec.model
      if measurement.figures == nil { run.hasFailure = true }
      placements[trial] = run
      learn(from: measurement)
      write(PendingWrite(records: [.placement(measurement)], purpose: .placement(run.asker, .measured(measurement))))
      return
    case .success(.raced):
      break
    }
    placements[trial] = run
    guard case .success(let news) = news else { return }
    let message = Message.response(id: run.asker.request, .placementNews(news))
    if sendStreamed(message, to: run.asker.peer) == .gone { decide(.trialWithdrawn(trial)) }
  }

  // MARK: What was measured

  /// The latest of the history, for hubs to learn from.
  func loadPlacementTrials() async throws(ApusError) {
    for measurement in try await store.placements(model: nil) { learn(from: measurement) }
  }

  private func learn(from measurement: PlacementMeasurement) {
    guard let trial = PlacementTrial(measurement) else { return }
    placementTrials.append(trial)
    // Now and then many at once, so that not every measurement moves all others.
    if placementTrials.count > 2 * PlacementAssignment.trialLimit {
      placementTrials.removeFirst(placementTrials.count - PlacementAssignment.trialLimit)
    }
  }

  /// A hub gets what was measured with its work.
  func taught(_ assignment: Assignment) -> Assignment {
    guard case .placement(var placement) = assignment.work else { return assignment }
    placement.trials = placementTrials.suffix(PlacementAssignment.trialLimit)
    var taught = assignment
    taught.work = .placement(placement)
    return taught
  }

  /// One that ended without a word of its hub: its client is told why, and a node that was lost is a failed measurement.
  func placementEnded(_ trial: TrialID, _ ending: TrialEnding) {
    guard let run = placements.removeValue(forKey: trial) else { return }
    if let lost = run.lost, ending == .workerLost {
      let error = ApusError(
        .unavailable, "worker \(lost) was lost while placements were measured on it",
        advice: "see `apus workers`; measure again when it is back, or name the others with --worker")
      if !run.hasFailure {
        write(PendingWrite(records: [.placement(failure(of: run, error.reason))], purpose: .note))
      }
      refuse(run.asker, error)
    } else {
      refuse(
        run.asker,
        ApusError(
          .tryAgain, "the trial of placements was stopped before its end", advice: "see `apus workers`, and ask again"))
    }
  }

  private func failure(of run: PlacementRun, _ reason: String) -> PlacementMeasurement {
    PlacementMeasurement(
      id: identifiers.next("placement"), benchmark: run.spec.id, hub: run.workers[0], model: run.spec.model,
      hosts: run.workers, startedAtMS: run.startedAtMS, strategy: run.step?.strategy ?? run.spec.strategies[0],
      batchTokens: run.step?.batchTokens ?? run.spec.batchSizes[0], layerCount: run.spec.layerCount ?? 0,
      problem: run.spec.id.rawValue, outcome: .failed(reason: reason))
  }

  func placementWorkerLost(_ name: WorkerName) {
    for (trial, run) in placements where run.workers.contains(name) && run.lost == nil {
      placements[trial]!.lost = name
    }
  }
}

/// Which workers take part in a benchmark of placements.
struct PlacementMembers {
  private let directory: WorkerDirectory

  init(_ directory: WorkerDirectory) { self.directory = directory }

  /// The hub first: the one named first, or the fastest of all that can.
  ///
  /// - Throws: `badInput` for a model that nobody knows or that has no experts, and for numbers that cannot be;
  ///   `unavailable` naming the worker that cannot take part, and why.
  func workers(for spec: PlacementBenchmarkSpec) throws(ApusError) -> [WorkerName] {
    if let fault = spec.fault { throw ApusError(.badInput, "the benchmark of placements cannot be run: \(fault)") }
    guard let model = directory.models[spec.model] else {
      throw ApusError(.badInput, "no worker has announced the model \(spec.model)", advice: "see `apus model list`")
    }
    guard model.expertCount > 0 else {
      throw ApusError(
        .badInput, "\(model.name) has no experts to place",
        advice: "give a mixture-of-experts model: see `apus model list`")
    }
    let live = directory.live
    guard !spec.workers.isEmpty else {
      let able = live.filter { fault($0.description, model) == nil }
        .sorted { ($1.description.hardware.gemmRate, $0.name) < ($0.description.hardware.gemmRate, $1.name) }
      guard !able.isEmpty else {
        let faults = live.map { "\($0.name) \(fault($0.description, model) ?? "")" }
        throw ApusError(
          .unavailable, "no worker can host experts of \(model.name)",
          advice: faults.isEmpty ? "start workers" : faults.joined(separator: "; "))
      }
      return able.map(\.name)
    }
    for name in spec.workers {
      guard let worker = live.first(where: { $0.name == name }) else {
        throw ApusError.notConnected(name, of: live.map(\.name))
      }
      if let fault = fault(worker.description, model) {
        throw ApusError(.unavailable, "worker \(name) \(fault)", advice: "mend that, or leave it out")
      }
    }
    return spec.workers
  }

  private func fault(_ worker: WorkerDescription, _ model: ModelProfile) -> String? {
    if !worker.models.contains(where: { $0.id == model.id }) {
      return "does not have \(model.name): send it with `apus model push`"
    }
    return worker.experts == nil ? "serves no experts: start it with --experts tcp://HOST:PORT" : nil
  }
}
