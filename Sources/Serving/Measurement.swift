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
///
/// Handed on at each step from the wire to the history and read at few, so all but its samples is behind one reference;
/// those are often left out.
public struct Measurement: Hashable, Sendable {
  private struct Fields: Hashable, Codable, Sendable {
    var id: MeasurementID
    var source: MeasurementSource
    var worker: WorkerName
    var hardware: Boxed<HardwareProfile>
    var model: Boxed<ModelProfile>
    var workload: Workload
    var configuration: EngineConfiguration
    var fidelity: Fidelity
    var engineVersion: String
    var startedAtMS: Int64
    var outcome: Outcome
    var warnings: [String]
    var quality: QualityLoss?
    var memoryEstimateBytes: Int?
    var acceleratorMemoryEstimateBytes: Int?
  }

  @Boxed private var fields: Fields
  /// One for each request, in the order sent. May be empty when the engine never got ready.
  public var samples: [RequestTimeline]

  public var id: MeasurementID {
    get { fields.id }
    set { fields.id = newValue }
  }
  public var source: MeasurementSource {
    get { fields.source }
    _modify { yield &fields.source }
  }
  public var worker: WorkerName {
    get { fields.worker }
    set { fields.worker = newValue }
  }
  public var hardware: HardwareProfile {
    unsafeAddress { fields.hardware.address }
    _modify { yield &fields.hardware.wrappedValue }
  }
  /// The hardware as it came, to hand it on.
  public var boxedHardware: Boxed<HardwareProfile> { fields.hardware }
  /// The model that was asked for; `configuration` may load a variant of it.
  public var model: ModelProfile {
    unsafeAddress { fields.model.address }
    _modify { yield &fields.model.wrappedValue }
  }
  /// The model as it came, to hand it on.
  public var boxedModel: Boxed<ModelProfile> { fields.model }
  public var workload: Workload {
    get { fields.workload }
    _modify { yield &fields.workload }
  }
  public var configuration: EngineConfiguration {
    get { fields.configuration }
    _modify { yield &fields.configuration }
  }
  public var fidelity: Fidelity {
    get { fields.fidelity }
    set { fields.fidelity = newValue }
  }
  public var engineVersion: String {
    get { fields.engineVersion }
    set { fields.engineVersion = newValue }
  }
  /// Milliseconds since 1970-01-01 UTC.
  public var startedAtMS: Int64 {
    get { fields.startedAtMS }
    set { fields.startedAtMS = newValue }
  }
  public var outcome: Outcome {
    get { fields.outcome }
    _modify { yield &fields.outcome }
  }
  /// Doubts about the figures, each with advice: outliers, too few samples, a busy machine.
  public var warnings: [String] {
    get { fields.warnings }
    set { fields.warnings = newValue }
  }
  /// How far the output is from the default's; measured once for each model, configuration and engine version, and nil
  /// in all other measurements.
  public var quality: QualityLoss? {
    get { fields.quality }
    _modify { yield &fields.quality }
  }
  /// Memory the engine was foreseen to take before it was started, from the model's and the configuration's sizes alone
  /// (what is learned from this error is not in it); nil where nobody foresaw any.
  public var memoryEstimateBytes: Int? {
    get { fields.memoryEstimateBytes }
    set { fields.memoryEstimateBytes = newValue }
  }
  /// Likewise of the memory of the GPUs it computes on; nil where it computes on none.
  public var acceleratorMemoryEstimateBytes: Int? {
    get { fields.acceleratorMemoryEstimateBytes }
    set { fields.acceleratorMemoryEstimateBytes = newValue }
  }

  public init(
    id: MeasurementID, source: MeasurementSource, worker: WorkerName, hardware: Boxed<HardwareProfile>,
    model: Boxed<ModelProfile>, workload: Workload, configuration: EngineConfiguration, fidelity: Fidelity,
    engineVersion: String, startedAtMS: Int64, outcome: Outcome, samples: [RequestTimeline] = [],
    warnings: [String] = [], quality: QualityLoss? = nil, memoryEstimateBytes: Int? = nil,
    acceleratorMemoryEstimateBytes: Int? = nil
  ) {
    fields = Fields(
      id: id, source: source, worker: worker, hardware: hardware, model: model, workload: workload,
      configuration: configuration, fidelity: fidelity, engineVersion: engineVersion, startedAtMS: startedAtMS,
      outcome: outcome, warnings: warnings, quality: quality, memoryEstimateBytes: memoryEstimateBytes,
      acceleratorMemoryEstimateBytes: acceleratorMemoryEstimateBytes)
    self.samples = samples
  }

  public init(
    id: MeasurementID, source: MeasurementSource, worker: WorkerName, hardware: HardwareProfile, model: ModelProfile,
    workload: Workload, configuration: EngineConfiguration, fidelity: Fidelity, engineVersion: String,
    startedAtMS: Int64, outcome: Outcome, samples: [RequestTimeline] = [], warnings: [String] = [],
    quality: QualityLoss? = nil, memoryEstimateBytes: Int? = nil, acceleratorMemoryEstimateBytes: Int? = nil
  ) {
    self.init(
      id: id, source: source, worker: worker, hardware: Boxed(wrappedValue: hardware),
      model: Boxed(wrappedValue: model), workload: workload, configuration: configuration, fidelity: fidelity,
      engineVersion: engineVersion, startedAtMS: startedAtMS, outcome: outcome, samples: samples, warnings: warnings,
      quality: quality, memoryEstimateBytes: memoryEstimateBytes,
      acceleratorMemoryEstimateBytes: acceleratorMemoryEstimateBytes)
  }
}

extension Measurement: Codable {
  private enum Key: CodingKey { case samples }

  public init(from decoder: any Decoder) throws {
    samples = try decoder.container(keyedBy: Key.self).decode([RequestTimeline].self, forKey: .samples)
    _fields = try Boxed(from: decoder)
  }

  public func encode(to encoder: any Encoder) throws {
    try _fields.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(samples, forKey: .samples)
  }
}
