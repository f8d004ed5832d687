import CMessages
import Serving

// What a coordinator knows of its workers, models and history, in Schemas/messages.proto.

extension WorkerStatus: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__WorkerStatus>) { apus__worker_status__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__WorkerStatus>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.description = try arena.message(description)
    c.pointee.is_alive = isAlive ? 1 : 0
    c.pointee.silent_seconds = try Wire.number(silentSeconds, "WorkerStatus.silent_seconds")
    c.pointee.lease_count = try arena.count(leaseCount, "WorkerStatus.lease_count")
    c.pointee.n_warm_configurations = warmConfigurations.count
    c.pointee.warm_configurations = try arena.texts(warmConfigurations)
    c.pointee.n_changes = changes.count
    c.pointee.changes = try arena.texts(changes)
  }

  init(reading c: UnsafePointer<Apus__WorkerStatus>) throws(CodecError) {
    self.init(
      name: try Wire.id(c.pointee.name, "WorkerStatus.name"),
      description: try Wire.message(c.pointee.description, "WorkerStatus.description"),
      isAlive: c.pointee.is_alive != 0,
      silentSeconds: try Wire.number(c.pointee.silent_seconds, "WorkerStatus.silent_seconds"),
      leaseCount: try Wire.count(c.pointee.lease_count, "WorkerStatus.lease_count"),
      warmConfigurations: try Wire.texts(
        c.pointee.warm_configurations, c.pointee.n_warm_configurations, "WorkerStatus.warm_configurations"),
      changes: try Wire.texts(c.pointee.changes, c.pointee.n_changes, "WorkerStatus.changes"))
  }
}

extension ModelStatus: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ModelStatus>) { apus__model_status__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ModelStatus>, _ arena: Arena) throws(CodecError) {
    c.pointee.profile = try arena.message(profile)
    c.pointee.n_workers = workers.count
    c.pointee.workers = try arena.texts(workers)
  }

  init(reading c: UnsafePointer<Apus__ModelStatus>) throws(CodecError) {
    self.init(
      profile: try Wire.message(c.pointee.profile, "ModelStatus.profile"),
      workers: try Wire.ids(c.pointee.workers, c.pointee.n_workers, "ModelStatus.workers"))
  }
}

extension HistoryStats: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__HistoryStats>) { apus__history_stats__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__HistoryStats>, _ arena: Arena) throws(CodecError) {
    c.pointee.job_count = try arena.count(jobCount, "HistoryStats.job_count")
    c.pointee.measurement_count = try arena.count(measurementCount, "HistoryStats.measurement_count")
    c.pointee.model_count = try arena.count(modelCount, "HistoryStats.model_count")
    c.pointee.node_count = try arena.count(nodeCount, "HistoryStats.node_count")
    c.pointee.n_outcomes = outcomes.count
    c.pointee.outcomes = try arena.counts(outcomes, "HistoryStats.outcomes")
    c.pointee.database_bytes = try arena.count(databaseBytes, "HistoryStats.database_bytes")
  }

  init(reading c: UnsafePointer<Apus__HistoryStats>) throws(CodecError) {
    self.init(
      jobCount: try Wire.count(c.pointee.job_count, "HistoryStats.job_count"),
      measurementCount: try Wire.count(c.pointee.measurement_count, "HistoryStats.measurement_count"),
      modelCount: try Wire.count(c.pointee.model_count, "HistoryStats.model_count"),
      nodeCount: try Wire.count(c.pointee.node_count, "HistoryStats.node_count"),
      outcomes: try Wire.counts(c.pointee.outcomes, c.pointee.n_outcomes, "HistoryStats.outcomes"),
      databaseBytes: try Wire.count(c.pointee.database_bytes, "HistoryStats.database_bytes"))
  }
}

extension CoordinatorStatus: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__CoordinatorStatus>) { apus__coordinator_status__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__CoordinatorStatus>, _ arena: Arena) throws(CodecError) {
    c.pointee.up_seconds = try Wire.number(upSeconds, "CoordinatorStatus.up_seconds")
    c.pointee.queued_job_count = try arena.count(queuedJobCount, "CoordinatorStatus.queued_job_count")
    var counts: [String: Int] = [:]
    for counter in CoordinatorMetrics.counters { counts[counter.name] = metrics[keyPath: counter.count] }
    c.pointee.n_counters = counts.count
    c.pointee.counters = try arena.counts(counts, "CoordinatorStatus.counters")
    c.pointee.n_workers = workers.count
    c.pointee.workers = try arena.messages(workers)
  }

  init(reading c: UnsafePointer<Apus__CoordinatorStatus>) throws(CodecError) {
    let counts = try Wire.counts(c.pointee.counters, c.pointee.n_counters, "CoordinatorStatus.counters")
    var metrics = CoordinatorMetrics()
    for counter in CoordinatorMetrics.counters { metrics[keyPath: counter.count] = counts[counter.name] ?? 0 }
    self.init(
      upSeconds: try Wire.number(c.pointee.up_seconds, "CoordinatorStatus.up_seconds"),
      queuedJobCount: try Wire.count(c.pointee.queued_job_count, "CoordinatorStatus.queued_job_count"),
      metrics: metrics,
      workers: try Wire.messages(c.pointee.workers, c.pointee.n_workers, "CoordinatorStatus.workers"))
  }
}

extension TrainingSummary: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__TrainingSummary>) { apus__training_summary__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__TrainingSummary>, _ arena: Arena) throws(CodecError) {
    c.pointee.row_count = try arena.count(rowCount, "TrainingSummary.row_count")
    c.pointee.seconds = try Wire.number(seconds, "TrainingSummary.seconds")
    c.pointee.was_promoted = wasPromoted ? 1 : 0
    c.pointee.reason = try arena.text(reason)
  }

  init(reading c: UnsafePointer<Apus__TrainingSummary>) throws(CodecError) {
    self.init(
      rowCount: try Wire.count(c.pointee.row_count, "TrainingSummary.row_count"),
      seconds: try Wire.number(c.pointee.seconds, "TrainingSummary.seconds"),
      wasPromoted: c.pointee.was_promoted != 0,
      reason: try Wire.text(c.pointee.reason, "TrainingSummary.reason"))
  }
}
