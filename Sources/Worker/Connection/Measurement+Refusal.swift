import Messaging
import Serving

extension Measurement {
  /// What a worker reports for work it did not start: cancelled, with the reason as its warning. Nothing was measured,
  /// so nothing may be learned from it, and the coordinator is free to give the work to another worker.
  static func refusal(
    of work: Assignment.Work, reason: String, worker: WorkerName, description: WorkerDescription, atMS now: Int64
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
    }
    let configuration = candidate?.configuration ?? EngineConfiguration(engine: EngineName("none"))
    return Measurement(
      id: .random("m"), source: source, worker: worker, hardware: description.hardware,
      model: description.models.first { $0.id == model } ?? .unknown(model), workload: workload,
      configuration: configuration, fidelity: candidate?.fidelity ?? .exact,
      engineVersion: description.engines.first { $0.name == configuration.engine }?.version ?? "",
      startedAtMS: now, outcome: .cancelled, warnings: ["not started: \(reason)"])
  }
}

extension ModelProfile {
  /// A model of which nothing but the name is known, because its file is not here.
  static func unknown(_ id: ModelID) -> ModelProfile {
    ModelProfile(
      id: id, name: String(id.rawValue.prefix(12)), architecture: "", parameterCount: 0, activeParameterCount: 0,
      layerCount: 0, hiddenSize: 0, headCount: 0, keyValueHeadCount: 0, headSize: 0, feedForwardSize: 0,
      expertCount: 0, expertsPerToken: 0, vocabularySize: 0, contextLength: 0, weightType: "", weightBytes: 0,
      activeWeightBytes: 0, vocabularyFingerprint: "", variantGroup: "")
  }
}
