import GRDB
import Serving

/// Writes records in transactions. Used only on the writing connection's queue.
struct RecordWriter {
  private var measurements = MeasurementWriter()
  private var jobs = JobWriter()
  private let path: String

  init(path: String) { self.path = path }

  /// Commits all appends together; when that fails, each by itself, so that one that cannot be stored (too big for the
  /// disk that is left, a key that is taken) does not take the others with it.
  mutating func commit(_ appends: [[HistoryRecord]], to db: Database) -> [Result<Void, ApusError>] {
    do {
      try db.inTransaction(.immediate) {
        for record in appends.joined() { try write(record, to: db) }
        return .commit
      }
      return appends.map { _ in .success(()) }
    } catch {
      measurements.forget()
      guard appends.count > 1 else { return [.failure(ApusError(history: path, error))] }
      var results: [Result<Void, ApusError>] = []
      for append in appends { results += commit([append], to: db) }
      return results
    }
  }

  private mutating func write(_ record: HistoryRecord, to db: Database) throws {
    switch record {
    case .measurement(let measurement):
      try measurements.write(measurement, to: db)
    case .placement(let measurement):
      try PlacementTable.write(measurement, to: db)
    case .job(let job):
      do {
        try jobs.write(job, to: db)
      } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
        throw RecordRules.keyTaken(job.owner, key: job.spec.idempotencyKey ?? "")
      }
    case .model(let model):
      let row = try measurements.models.row(of: model, in: db)
      try db.cachedStatement(
        sql: """
          INSERT INTO models (model_id, name, model_profile_row) VALUES (?, ?, ?) ON CONFLICT (model_id)
          DO UPDATE SET name = excluded.name, model_profile_row = excluded.model_profile_row
          """
      ).execute(arguments: [model.id.rawValue, model.name, row])
    case .node(let worker, let hardware):
      let row = try measurements.hardware.row(of: hardware, in: db)
      try db.cachedStatement(
        sql: """
          INSERT INTO nodes (worker, hardware_row) VALUES (?, ?) ON CONFLICT (worker)
          DO UPDATE SET hardware_row = excluded.hardware_row
          """
      ).execute(arguments: [worker.rawValue, row])
    }
  }
}
