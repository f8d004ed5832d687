import GRDB
import Serving

/// Writes jobs through the one writing connection.
struct JobWriter {
  private var configurations = RememberedJSON<EngineConfiguration>()
  private var predictions = RememberedJSON<PredictedMetrics>()
  /// Jobs that are here, as a rule: a transaction may have been rolled back.
  private var written = RecentValues<JobID>(limit: 4096)

  private static let columns = JobTable.columns

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

  /// Of a job that is here already the specification, the largest part of it, is not made into JSON and written again.
  mutating func write(_ job: JobRecord, to db: Database) throws {
    var values: [DatabaseValue] = [
      job.id.rawValue.databaseValue, job.client.databaseValue, Self.nullable(job.spec.idempotencyKey),
      job.spec.model.rawValue.databaseValue, job.state.rawValue.databaseValue, job.submittedAtMS.databaseValue,
      Self.nullable(job.finishedAtMS), Self.nullable(job.worker?.rawValue), Self.nullable(job.measurement?.rawValue),
      job.attemptCount.databaseValue, .null,
      Self.nullable(job.configuration.map { configurations.text($0) }),
      Self.nullable(job.predicted.map { predictions.text($0) }),
      job.failure.map(FreeText.databaseValue) ?? .null, FreeText.databaseValue(job.output),
      job.isExploration.databaseValue, Self.nullable(job.finishReason?.rawValue),
      job.toolCalls.isEmpty ? .null : StoredJSON.text(job.toolCalls).databaseValue, Self.nullable(job.spec.tenant),
    ]
    if !written.insert(job.id) {
      let row = [job.id.rawValue.databaseValue, job.state.rawValue.databaseValue]
      try db.cachedStatement(sql: Self.update).execute(
        arguments: StatementArguments(columns: Self.standing.map { values[$0] } + row))
      if db.changesCount > 0 { return }
    }
    values[Self.specification] = StoredJSON.text(job.spec).databaseValue
    try db.cachedStatement(sql: Self.upsert).execute(arguments: StatementArguments(columns: values))
  }

  private static func nullable(_ value: (some DatabaseValueConvertible)?) -> DatabaseValue {
    value?.databaseValue ?? .null
  }
}

/// The JSON of values that come again and again, as many jobs are run the same way: to make it takes longer than all else
/// of a row.
private struct RememberedJSON<Value: Hashable & Encodable & Sendable>: Sendable {
  /// Most values remembered; beyond it the memory starts anew.
  private static var limit: Int { 256 }
  private var texts: [Value: String] = [:]

  mutating func text(_ value: Value) -> String {
    if let text = texts[value] { return text }
    let text = StoredJSON.text(value)
    if texts.count >= Self.limit { texts.removeAll(keepingCapacity: true) }
    texts[value] = text
    return text
  }
}
