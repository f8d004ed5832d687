import FoundationEssentials
import Messaging
import Serving

/// Who reports work that did not start, and what it knows of models and engines.
struct Reporter {
  var worker: WorkerName
  var hardware: HardwareProfile
  var model: (ModelID) -> ModelProfile?
  var engineVersion: (EngineName) -> String?
}

extension Measurement {
  /// The result of work that was not started: nothing was measured, but the coordinator must know how it ended.
  ///
  /// - Parameters:
  ///   - outcome: `cancelled` where the work may well be done elsewhere or later; a failure where it was tried.
  ///   - warnings: the reason, where the outcome does not hold one.
  static func unstarted(
    _ work: Assignment.Work, outcome: Outcome, warnings: [String] = [], by reporter: Reporter
  ) -> Measurement {
    let model: ModelID
    let source: MeasurementSource
    let workload: Workload
    let candidate: Candidate?
    switch work {
    case .job(let job):
      (model, source, workload, candidate) = (job.spec.model, .job(job.job), job.spec.workload, job.candidate)
    case .trial(let trial):
      source = .trial(trial.id, benchmark: trial.benchmark, purpose: trial.purpose, round: trial.firstRound)
      (model, workload, candidate) = (trial.model, trial.workloads.first ?? .chat, trial.candidates.first)
    case .hosting, .placement: preconditionFailure("no measurement of an engine ends work on placements")
    }
    let configuration = candidate?.configuration ?? EngineConfiguration(engine: EngineName("none"))
    return Measurement(
      id: .random("measurement"), source: source, worker: reporter.worker, hardware: reporter.hardware,
      model: reporter.model(model) ?? .unknown(model), workload: workload, configuration: configuration,
      fidelity: candidate?.fidelity ?? .exact, engineVersion: reporter.engineVersion(configuration.engine) ?? "unknown",
      startedAtMS: Int64((Date().timeIntervalSince1970 * 1000).rounded()), outcome: outcome, warnings: warnings)
  }
}
