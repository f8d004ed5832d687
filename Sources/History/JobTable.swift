import GRDB
import Serving

/// Writes and reads jobs.
enum JobTable {
  private static let columns = [
    "id", "client", "idempotency_key", "model_id", "state", "submitted_at_ms", "finished_at_ms", "worker",
    "measurement_id", "attempt_count", "spec", "configuration", "predicted", "failure", "output",
    "is_exploration", "finish_reason", "tool_calls", "tenant",
  ]

  /// A finished job keeps its state: a record that says another one changes nothing.
  private static let upsert = """
    INSERT INTO jobs (\(columns.joined(separator: ", "))) VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
    ON CONFLICT (id) DO UPDATE SET \(columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
    WHERE jobs.state IN ('queued', 'running') OR jobs.state = excluded.state
    """

  /// What a job is, which never changes; the rest is how it stands.
  private static let identity: Set = [
    "id", "client", "tenant", "idempotency_key", "model_id", "submitted_at_ms", "spec",
  ]
  private static let standing = columns.indices.filter { !identity.contains(columns[$0]) }
  private static let specification = columns.firstIndex(of: "spec")!

  private static let update = """
    UPDATE jobs SET \(standing.map { "\(columns[$0]) = ?" }.joined(separator: ", "))
    WHERE id = ? AND (state IN ('queued', 'running') OR state = ?)
    """

  /// A job that was given to a worker is here already, as a rule: then its specification, the largest part of it, is not
  /// made into JSON and written again.
  static func write(_ job: JobRecord, to db: Database) throws {
    var values: [DatabaseValue] = [
      job.id.rawValue.databaseValue, job.client.databaseValue, nullable(job.spec.idempotencyKey),
      job.spec.model.rawValue.databaseValue, job.state.rawValue.databaseValue, job.submittedAtMS.databaseValue,
      nullable(job.finishedAtMS), nullable(job.worker?.rawValue), nullable(job.measurement?.rawValue),
      job.attemptCount.databaseValue, .null,
      nullable(job.configuration.map { StoredJSON.text($0) }), nullable(job.predicted.map { StoredJSON.text($0) }),
      job.failure.map(FreeText.databaseValue) ?? .null, FreeText.databaseValue(job.output),
      job.isExploration.databaseValue, nullable(job.finishReason?.rawValue),
      job.toolCalls.isEmpty ? .null : StoredJSON.text(job.toolCalls).databaseValue, nullable(job.spec.tenant),
    ]
    if job.attemptCount > 0 {
      let row = [job.id.rawValue.databaseValue, job.state.rawValue.databaseValue]
      try db.cachedStatement(sql: update).execute(arguments: StatementArguments(standing.map { values[$0] } + row))
      if db.changesCount > 0 { return }
    }
    values[specification] = StoredJSON.text(job.spec).databaseValue
    try db.cachedStatement(sql: upsert).execute(arguments: StatementArguments(values))
  }

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

  private static func nullable(_ value: (some DatabaseValueConvertible)?) -> DatabaseValue {
    value?.databaseValue ?? .null
  }

  private static func job(_ row: Row) throws -> JobRecord {
    guard let id = row[0] as String?, let client = row[1] as String?, let word = row[4] as String?,
      let state = JobState(rawValue: word), let submittedAt = row[5] as Int64?, let attempts = row[9] as Int?,
      let spec = row[10] as String?, let isExploration = row[15] as Bool?
    else { throw HistoryFault.damaged("job \((row[0] as String?) ?? "without id") lacks a column") }
    return JobRecord(
      id: JobID(id), client: client, spec: try StoredJSON.value(JobSpec.self, spec), state: state,
      submittedAtMS: submittedAt, finishedAtMS: row[6], worker: (row[7] as String?).map { WorkerName($0) },
      configuration: try (row[11] as String?).map { try StoredJSON.value(EngineConfiguration.self, $0) },
      predicted: try (row[12] as String?).map { try StoredJSON.value(PredictedMetrics.self, $0) },
      output: FreeText.text(row[14]) ?? "", failure: FreeText.text(row[13]),
      measurement: (row[8] as String?).map { MeasurementID($0) }, attemptCount: attempts,
      isExploration: isExploration, finishReason: (row[16] as String?).flatMap(FinishReason.init),
      toolCalls: try (row[17] as String?).map { try StoredJSON.value([ToolCall].self, $0) } ?? [])
  }
}
