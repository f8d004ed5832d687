/// How a run of the engine ended. Each of these is a result: stored, counted and learned from.
public enum Outcome: Hashable, Codable, Sendable {
  case completed(Metrics)
  /// The engine went over its memory limit, or the system ended it for that.
  case outOfMemory(detail: String)
  case timedOut(afterSeconds: Double)
  /// The engine ended, did not start or refused; with the last lines of its log.
  case engineFailed(reason: String, lastLines: String)
  /// The worker was not heard of any more.
  case lostWorker
  case cancelled

  public var metrics: Metrics? { if case .completed(let metrics) = self { metrics } else { nil } }

  /// The word stored in the history and printed in tables.
  public var kind: String {
    switch self {
    case .completed: "completed"
    case .outOfMemory: "out_of_memory"
    case .timedOut: "timed_out"
    case .engineFailed: "engine_failed"
    case .lostWorker: "lost_worker"
    case .cancelled: "cancelled"
    }
  }
}

/// Where a measurement came from.
public enum MeasurementSource: Hashable, Codable, Sendable {
  /// A block of a trial. `round` counts the repeats in which configurations alternated: two measurements
  /// of the same trial, workload and round are a pair.
  case trial(TrialID, benchmark: BenchmarkID, purpose: TrialPurpose, round: Int)
  case job(JobID)
  /// Read from a file.
  case imported(from: String)

  /// The trial's purpose; nil for jobs and imports.
  public var purpose: TrialPurpose? {
    if case .trial(_, _, let purpose, _) = self { purpose } else { nil }
  }
}

/// Why a trial runs.
public enum TrialPurpose: String, Codable, Sendable, CaseIterable {
  /// Every candidate once.
  case screening
  /// The best few against the default, in turns.
  case paired
  /// The winner against the default on prompts nobody has seen.
  case confirmation
}

/// One block of requests run with one configuration on one worker, and what it gave. Never changed once stored.
public struct Measurement: Hashable, Codable, Sendable {
  public var id: MeasurementID
  public var source: MeasurementSource
  public var worker: WorkerName
  @Boxed public var hardware: HardwareProfile
  /// The model that was asked for; `configuration` may load a variant of it.
  @Boxed public var model: ModelProfile
  public var workload: Workload
  public var configuration: EngineConfiguration
  public var fidelity: Fidelity
  public var engineVersion: String
  /// Milliseconds since 1970-01-01 UTC.
  public var startedAtMS: Int64
  public var outcome: Outcome
  /// One for each request, in the order sent. May be empty when the engine never got ready.
  public var samples: [RequestTimeline]
  /// Doubts about the figures, each with advice: outliers, too few samples, a busy machine.
  public var warnings: [String]
  /// How far the output is from the default's; measured once for each model, configuration and engine version, and nil
  /// in all other measurements.
  public var quality: QualityLoss?
  /// Memory the engine was foreseen to take before it was started, from the model's and the configuration's sizes alone
  /// (what is learned from this error is not in it); nil where nobody foresaw any.
  public var memoryEstimateBytes: Int?

  public init(
    id: MeasurementID, source: MeasurementSource, worker: WorkerName, hardware: HardwareProfile, model: ModelProfile,
    workload: Workload, configuration: EngineConfiguration, fidelity: Fidelity, engineVersion: String,
    startedAtMS: Int64, outcome: Outcome, samples: [RequestTimeline] = [], warnings: [String] = [],
    quality: QualityLoss? = nil, memoryEstimateBytes: Int? = nil
  ) {
    self.id = id
    self.source = source
    self.worker = worker
    self.hardware = hardware
    self.model = model
    self.workload = workload
    self.configuration = configuration
    self.fidelity = fidelity
    self.engineVersion = engineVersion
    self.startedAtMS = startedAtMS
    self.outcome = outcome
    self.samples = samples
    self.warnings = warnings
    self.quality = quality
    self.memoryEstimateBytes = memoryEstimateBytes
  }
}
