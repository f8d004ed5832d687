import CMessages
import Serving

// Measurements with their sources and outcomes in Schemas/messages.proto.

extension TrialPurpose: WireChoice {
  static var choices: [TrialPurpose] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .screening: APUS__TRIAL_PURPOSE__TRIAL_PURPOSE_SCREENING.rawValue
    case .paired: APUS__TRIAL_PURPOSE__TRIAL_PURPOSE_PAIRED.rawValue
    case .confirmation: APUS__TRIAL_PURPOSE__TRIAL_PURPOSE_CONFIRMATION.rawValue
    }
  }
}

extension Outcome: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Outcome>) { apus__outcome__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Outcome>, _ arena: Arena) throws(CodecError) {
    switch self {
    case .completed(let metrics):
      c.pointee.kind_case = APUS__OUTCOME__KIND_COMPLETED
      c.pointee.completed = try arena.message(metrics)
    case .outOfMemory(let detail):
      c.pointee.kind_case = APUS__OUTCOME__KIND_OUT_OF_MEMORY
      c.pointee.out_of_memory = try arena.text(detail)
    case .timedOut(let seconds):
      c.pointee.kind_case = APUS__OUTCOME__KIND_TIMED_OUT
      c.pointee.timed_out = try Wire.number(seconds, "Outcome.timed_out")
    case .engineFailed(let reason, let lastLines):
      let ending = try arena.array(of: Apus__EngineEnding.self, 1)
      apus__engine_ending__init(ending)
      ending.pointee.reason = try arena.text(reason)
      ending.pointee.last_lines = try arena.text(lastLines)
      c.pointee.kind_case = APUS__OUTCOME__KIND_ENGINE_FAILED
      c.pointee.engine_failed = ending
    case .lostWorker:
      c.pointee.kind_case = APUS__OUTCOME__KIND_LOST_WORKER
      c.pointee.lost_worker = try arena.empty()
    case .cancelled:
      c.pointee.kind_case = APUS__OUTCOME__KIND_CANCELLED
      c.pointee.cancelled = try arena.empty()
    }
  }

  init(reading c: UnsafePointer<Apus__Outcome>) throws(CodecError) {
    switch c.pointee.kind_case {
    case APUS__OUTCOME__KIND_COMPLETED:
      self = .completed(try Wire.message(c.pointee.completed, "Outcome.completed"))
    case APUS__OUTCOME__KIND_OUT_OF_MEMORY:
      self = .outOfMemory(detail: try Wire.text(c.pointee.out_of_memory, "Outcome.out_of_memory"))
    case APUS__OUTCOME__KIND_TIMED_OUT:
      self = .timedOut(afterSeconds: try Wire.number(c.pointee.timed_out, "Outcome.timed_out"))
    case APUS__OUTCOME__KIND_ENGINE_FAILED:
      guard let ending = c.pointee.engine_failed else {
        throw .invalid(field: "Outcome.engine_failed", problem: "is missing")
      }
      self = .engineFailed(
        reason: try Wire.text(ending.pointee.reason, "EngineEnding.reason"),
        lastLines: try Wire.text(ending.pointee.last_lines, "EngineEnding.last_lines"))
    case APUS__OUTCOME__KIND_LOST_WORKER: self = .lostWorker
    case APUS__OUTCOME__KIND_CANCELLED: self = .cancelled
    default: throw .invalid(field: "Outcome.kind", problem: "is missing")
    }
  }
}

extension MeasurementSource {
  fileprivate func write(to c: UnsafeMutablePointer<Apus__Measurement>, _ arena: Arena) throws(CodecError) {
    switch self {
    case .trial(let id, let benchmark, let purpose, let round):
      let trial = try arena.array(of: Apus__TrialSource.self, 1)
      apus__trial_source__init(trial)
      trial.pointee.trial = try arena.text(id)
      trial.pointee.benchmark = try arena.text(benchmark)
      trial.pointee.purpose = Apus__TrialPurpose(rawValue: purpose.wireNumber)
      trial.pointee.round = try arena.count(round, "TrialSource.round")
      c.pointee.source_case = APUS__MEASUREMENT__SOURCE_TRIAL
      c.pointee.trial = trial
    case .job(let id):
      c.pointee.source_case = APUS__MEASUREMENT__SOURCE_JOB
      c.pointee.job = try arena.text(id)
    case .imported(let origin):
      c.pointee.source_case = APUS__MEASUREMENT__SOURCE_IMPORTED_FROM
      c.pointee.imported_from = try arena.text(origin)
    }
  }

  fileprivate init(reading c: UnsafePointer<Apus__Measurement>) throws(CodecError) {
    switch c.pointee.source_case {
    case APUS__MEASUREMENT__SOURCE_TRIAL:
      guard let trial = c.pointee.trial else { throw .invalid(field: "Measurement.trial", problem: "is missing") }
      self = .trial(
        try Wire.id(trial.pointee.trial, "TrialSource.trial"),
        benchmark: try Wire.id(trial.pointee.benchmark, "TrialSource.benchmark"),
        purpose: try Wire.choice(trial.pointee.purpose.rawValue, "TrialSource.purpose"),
        round: try Wire.count(trial.pointee.round, "TrialSource.round"))
    case APUS__MEASUREMENT__SOURCE_JOB: self = .job(try Wire.id(c.pointee.job, "Measurement.job"))
    case APUS__MEASUREMENT__SOURCE_IMPORTED_FROM:
      self = .imported(from: try Wire.text(c.pointee.imported_from, "Measurement.imported_from"))
    default: throw .invalid(field: "Measurement.source", problem: "is missing")
    }
  }
}

extension Measurement: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Measurement>) { apus__measurement__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Measurement>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    try source.write(to: c, arena)
    c.pointee.worker = try arena.text(worker)
    c.pointee.hardware = try arena.known(boxedHardware)
    c.pointee.model = try arena.known(boxedModel)
    c.pointee.workload = try arena.message(workload)
    c.pointee.configuration = try arena.message(configuration)
    c.pointee.fidelity = Apus__Fidelity(rawValue: fidelity.wireNumber)
    c.pointee.engine_version = try arena.text(engineVersion)
    c.pointee.started_at_ms = try arena.count(Int(startedAtMS), "Measurement.started_at_ms")
    c.pointee.outcome = try arena.message(outcome)
    c.pointee.n_samples = samples.count
    c.pointee.samples = try arena.messages(samples)
    c.pointee.n_warnings = warnings.count
    c.pointee.warnings = try arena.texts(warnings)
    c.pointee.quality = try arena.message(quality)
    c.pointee.memory_estimate_bytes = try arena.count(memoryEstimateBytes, "Measurement.memory_estimate_bytes")
    c.pointee.accelerator_memory_estimate_bytes = try arena.count(
      acceleratorMemoryEstimateBytes, "Measurement.accelerator_memory_estimate_bytes")
  }

  init(reading c: UnsafePointer<Apus__Measurement>) throws(CodecError) {
    self.init(
      id: try Wire.id(c.pointee.id, "Measurement.id"),
      source: try MeasurementSource(reading: c),
      worker: try Wire.id(c.pointee.worker, "Measurement.worker"),
      hardware: try Wire.known(c.pointee.hardware, "Measurement.hardware"),
      model: try Wire.known(c.pointee.model, "Measurement.model"),
      workload: try Wire.message(c.pointee.workload, "Measurement.workload"),
      configuration: try Wire.message(c.pointee.configuration, "Measurement.configuration"),
      fidelity: try Wire.choice(c.pointee.fidelity.rawValue, "Measurement.fidelity"),
      engineVersion: try Wire.text(c.pointee.engine_version, "Measurement.engine_version"),
      startedAtMS: Int64(try Wire.count(c.pointee.started_at_ms, "Measurement.started_at_ms")),
      outcome: try Wire.message(c.pointee.outcome, "Measurement.outcome"),
      samples: try Wire.messages(c.pointee.samples, c.pointee.n_samples, "Measurement.samples"),
      warnings: try Wire.texts(c.pointee.warnings, c.pointee.n_warnings, "Measurement.warnings"),
      quality: try Wire.optional(c.pointee.quality),
      memoryEstimateBytes: try Wire.count(c.pointee.memory_estimate_bytes, "Measurement.memory_estimate_bytes"),
      acceleratorMemoryEstimateBytes: try Wire.count(
        c.pointee.accelerator_memory_estimate_bytes, "Measurement.accelerator_memory_estimate_bytes"))
  }
}
