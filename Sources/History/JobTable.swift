import GRDB
import Serving

/// Reads jobs; `JobWriter` writes them.
enum JobTable {
  static let columns = [
    "id", "client", "idempotency_key", "model_id", "state", "submitted_at_ms", "finished_at_ms", "worker",
    "measurement_id", "attempt_count", "spec", "configuration", "predicted", "failure", "output",
    "is_exploration", "finish_reason", "tool_calls", "tenant",
  ]

  static func read(_ clause: String, _ arguments: StatementArguments, in db: Database) throws -> [JobRecord] {
    let statement = try db.cachedStatement(
      sql: "SELECT \(columns.joined(separator: ", ")) FROM jobs \(clause)")
    let rows = try Row.fetchCursor(statement, arguments: arguments)
    var jobs: [JobRecord] = []
    while let row = try rows.next() { jobs.append(try job(row)) }
    return jobs
  }

  /// As the index `jobs_by_key` has it.
  static func read(of owner: JobOwner, idempotencyKey: String, in db: Database) throws -> JobRecord? {
    try read(
      "WHERE client = ? AND coalesce(tenant, '') = ? AND idempotency_key = ?",
      [owner.client, owner.tenant ?? "", idempotencyKey], in: db
    ).first
  }

  /// Newest first. Nil means any.
  static func read(of owner: JobOwner?, state: JobState?, limit: Int, in db: Database) throws -> [JobRecord] {
    var (conditions, arguments): ([String], StatementArguments) = ([], [])
    if let owner {
      // `IS ?` would leave the index `jobs_by_tenant` unused.
      conditions.append(owner.tenant == nil ? "client = ? AND tenant IS NULL" : "client = ? AND tenant = ?")
      arguments += StatementArguments([owner.client] + (owner.tenant.map { [$0] } ?? []))
    }
    if let state {
      conditions.append("state = ?")
      arguments += [state.rawValue]
    }
    let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
    return try read(
      "\(filter) ORDER BY submitted_at_ms DESC, row DESC LIMIT ?", arguments + [max(0, limit)], in: db)
  }

  private static func job(_ row: Row) throws -> JobRecord {
    guard let id = row[0] as String?, let client = row[1] as String?, let word = row[4] as String?,
      let state = JobState(rawValue: word), let submittedAt = row[5] as Int64?, let attempts = row[9] as Int?,
      let spec = row[10] as String?, let isExploration = row[15] as Bool?
    else { throw HistoryFault.damaged("job \((row[0] as String?) ?? "without id") lacks a column") }
    return JobRecord(
      id: JobID(id), client: client, spec: try StoredJSON.value(JobSpec.self, spec), submittedAtMS: submittedAt,
      standing: JobStanding(
        state: state, finishedAtMS: row[6], worker: (row[7] as String?).map { WorkerName($0) },
        configuration: try (row[11] as String?).map { try StoredJSON.value(EngineConfiguration.self, $0) },
        predicted: try (row[12] as String?).map { try StoredJSON.value(PredictedMetrics.self, $0) },
        output: FreeText.text(row[14]) ?? "", failure: FreeText.text(row[13]),
        measurement: (row[8] as String?).map { MeasurementID($0) }, attemptCount: attempts,
        isExploration: isExploration, finishReason: (row[16] as String?).flatMap(FinishReason.init),
        toolCalls: try (row[17] as String?).map { try StoredJSON.value([ToolCall].self, $0) } ?? []))
  }
}
