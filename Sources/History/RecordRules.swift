import Serving

/// What every store asks of a record before it takes it.
package enum RecordRules {
  /// Longest identifier or name that is a key, in bytes of UTF-8.
  package static let keyLengthLimit = 1024

  static func check(_ records: [HistoryRecord]) throws(ApusError) {
    for record in records {
      // One absurd row would teach the selector more than a hundred honest ones.
      if case .measurement(let measurement) = record, let fault = measurement.outcome.metrics?.fault {
        throw ApusError(
          .badInput, "measurement \(measurement.id) of worker \(measurement.worker) cannot be true: \(fault)",
          advice: "see that machine's clock, its engine and who runs it; nothing of this measurement is kept")
      }
      if case .placement(let measurement) = record, let fault = measurement.figures?.fault {
        throw ApusError(
          .badInput, "placement \(measurement.id) of hub \(measurement.hub) cannot be true: \(fault)",
          advice: "see that machine's clock and who runs it; nothing of this measurement is kept")
      }
      for (kind, key) in keys(of: record) where key.utf8.count > keyLengthLimit || key.utf8.contains(0) {
        throw ApusError(
          .badInput, "\(kind) \(key.prefix(40).debugDescription) cannot be stored",
          advice: "use at most \(keyLengthLimit) bytes and no U+0000")
      }
    }
  }

  /// A finished job never changes state again.
  static func mayReplace(_ stored: JobRecord, with job: JobRecord) -> Bool {
    !stored.state.isFinished || stored.state == job.state
  }

  /// Jobs with the same key of the same owner are one job.
  static func keyTaken(_ owner: JobOwner, key: String) -> ApusError {
    ApusError(
      .badInput, "\(owner) already used the idempotency key \(key) for another job",
      advice: "look the job up by its key, or use a new key")
  }

  private static func keys(of record: HistoryRecord) -> [(kind: String, key: String)] {
    switch record {
    case .job(let job):
      [
        ("job id", job.id.rawValue), ("client name", job.client), ("idempotency key", job.spec.idempotencyKey ?? ""),
        ("tenant", job.spec.tenant ?? ""), ("model id", job.spec.model.rawValue),
        ("worker name", job.worker?.rawValue ?? ""), ("measurement id", job.measurement?.rawValue ?? ""),
      ]
    case .measurement(let measurement):
      [
        ("measurement id", measurement.id.rawValue), ("worker name", measurement.worker.rawValue),
        ("model id", measurement.model.id.rawValue),
      ] + keys(of: measurement.source)
    case .placement(let measurement):
      [
        ("measurement id", measurement.id.rawValue), ("benchmark id", measurement.benchmark.rawValue),
        ("worker name", measurement.hub.rawValue), ("model id", measurement.model.rawValue),
        ("strategy", measurement.strategy),
      ]
    case .model(let model):
      [("model id", model.id.rawValue), ("model name", model.name)]
    case .node(let worker, _):
      [("worker name", worker.rawValue)]
    }
  }

  private static func keys(of source: MeasurementSource) -> [(kind: String, key: String)] {
    switch source {
    case .trial(let trial, let benchmark, _, _):
      [("trial id", trial.rawValue), ("benchmark id", benchmark.rawValue)]
    case .job(let job): [("job id", job.rawValue)]
    case .imported(let file): [("file name", file)]
    }
  }
}
