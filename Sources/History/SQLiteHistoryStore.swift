import GRDB
public import Serving
import Synchronization

/// A history in one SQLite file (with `-wal` and `-shm` beside it while open).
///
/// Readers never wait for the writer (write-ahead log); every commit is on the disk before it is acknowledged
/// (`synchronous=FULL`), and appends that wait together share it. Other processes may read the file meanwhile.
public final class SQLiteHistoryStore: HistoryStore {
  public struct Options: Sendable {
    /// The file never grows beyond this many bytes: then appends are refused as on a full disk. Nil for no limit.
    public var maximumBytes: Int?
    /// Most records that wait for the disk; beyond it appends are refused with `tryAgain`.
    public var backlogLimit: Int
    /// Most records in one commit.
    public var groupLimit: Int

    public init(maximumBytes: Int? = nil, backlogLimit: Int = 16_384, groupLimit: Int = 2_048) {
      self.maximumBytes = maximumBytes
      self.backlogLimit = backlogLimit
      self.groupLimit = groupLimit
    }
  }

  public let path: String
  let pool: DatabasePool
  private let commits: GroupCommit<HistoryRecord>
  private let reader = MeasurementReader()

  /// Opens the history, makes it if there is none and brings its schema up to date.
  ///
  /// - Throws: `disk` when the file cannot be read or written; `badInput` when it is no history, is damaged or is from
  ///   a newer version.
  public init(path: String, options: Options = Options()) throws(ApusError) {
    try HistoryFile.prepare(path)
    do {
      let pool = try DatabasePool(path: path, configuration: Self.configuration)
      try pool.writeWithoutTransaction { try Self.settle($0, options) }
      try Migrations.bringUpToDate(pool)
      let writer = Mutex(RecordWriter(path: path))
      commits = GroupCommit(backlogLimit: options.backlogLimit, groupLimit: options.groupLimit) { appends in
        await withCheckedContinuation { done in
          // Runs on the pool's own queue: the disk never blocks the cooperative threads. The lock is never waited for.
          pool.asyncWriteWithoutTransaction { db in
            done.resume(returning: writer.withLock { $0.commit(appends, to: db) })
          }
        }
      }
      self.path = path
      self.pool = pool
    } catch {
      throw ApusError(history: path, error)
    }
  }

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "history"
    // Another process may hold the write lock for a moment, at most as long as a compaction's last step.
    configuration.busyMode = .timeout(30)
    configuration.prepareDatabase { try Migrations.checkOwner($0) }
    return configuration
  }

  /// Sets what must hold on the writing connection. Not in `prepareDatabase`, because GRDB sets
  /// `synchronous=NORMAL` after it, and then a power cut could take acknowledged commits.
  private static func settle(_ db: Database, _ options: Options) throws {
    try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = \(64 << 20)")
    if let maximumBytes = options.maximumBytes {
      let pageBytes = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 4096
      try db.execute(sql: "PRAGMA max_page_count = \(max(1, maximumBytes / pageBytes))")
    }
  }

  public func append(_ records: [HistoryRecord]) async throws(ApusError) {
    guard !records.isEmpty else { return }
    try RecordRules.check(records)
    try await commits.append(records)
  }

  public func job(_ id: JobID) async throws(ApusError) -> JobRecord? {
    try await read { try JobTable.read("WHERE id = ?", [id.rawValue], in: $0).first }
  }

  public func job(of owner: JobOwner, idempotencyKey: String) async throws(ApusError) -> JobRecord? {
    try await read { try JobTable.read(of: owner, idempotencyKey: idempotencyKey, in: $0) }
  }

  public func jobs(of owner: JobOwner?, state: JobState?, limit: Int) async throws(ApusError) -> [JobRecord] {
    try await read { try JobTable.read(of: owner, state: state, limit: limit, in: $0) }
  }

  public func unfinishedJobs() async throws(ApusError) -> [JobRecord] {
    try await read {
      try JobTable.read("WHERE state IN ('queued', 'running') ORDER BY submitted_at_ms, row", [], in: $0)
    }
  }

  public func measurement(_ id: MeasurementID) async throws(ApusError) -> Measurement? {
    try await read { [reader] in try reader.measurement(id, in: $0) }
  }

  public func measurements(
    _ filter: MeasurementFilter, includingSamples: Bool
  ) async throws(ApusError) -> [StoredMeasurement] {
    try await read { [reader] in try reader.measurements(filter, includingSamples: includingSamples, in: $0) }
  }

  public func placements(model: ModelID?) async throws(ApusError) -> [PlacementMeasurement] {
    try await read { try PlacementTable.read(model: model, in: $0) }
  }

  public func models() async throws(ApusError) -> [ModelProfile] {
    try await read { [reader] db in
      try Int64.fetchAll(db, sql: "SELECT model_profile_row FROM models ORDER BY name, model_id")
        .map { try reader.model(row: $0, in: db) }
    }
  }

  public func nodes() async throws(ApusError) -> [WorkerName: HardwareProfile] {
    try await read { [reader] db in
      var nodes: [WorkerName: HardwareProfile] = [:]
      for row in try Row.fetchAll(db, sql: "SELECT worker, hardware_row FROM nodes") {
        nodes[WorkerName(row[0] as String)] = try reader.hardware(row: row[1], in: db)
      }
      return nodes
    }
  }

  public func stats() async throws(ApusError) -> HistoryStats {
    try await read { [path] db in
      func count(_ table: String) throws -> Int { try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") ?? 0 }
      var outcomes: [String: Int] = [:]
      for row in try Row.fetchAll(db, sql: "SELECT outcome, count(*) FROM measurements GROUP BY outcome") {
        outcomes[row[0]] = row[1]
      }
      return HistoryStats(
        jobCount: try count("jobs"), measurementCount: outcomes.values.reduce(0, +),
        modelCount: try count("models"), nodeCount: try count("nodes"), outcomes: outcomes,
        databaseBytes: HistoryFile.byteCount(path))
    }
  }

  /// Waits for the appends under way, moves the log into the file and closes it. Later calls throw `unavailable`.
  public func close() async {
    // A checkpoint of a closed connection would crash in SQLite.
    guard await commits.close() else { return }
    await withCheckedContinuation { done in
      pool.asyncWriteWithoutTransaction { db in
        // Benign when it fails: a log that stays is read at the next opening.
        _ = try? db.checkpoint(.truncate)
        done.resume()
      }
    }
    try? pool.close()
  }

  /// How the writing connection treats the disk.
  package struct Durability: Hashable, Sendable {
    package var journalMode: String
    /// SQLite's number: 2 is FULL.
    package var synchronous: Int

    package init(journalMode: String, synchronous: Int) {
      self.journalMode = journalMode
      self.synchronous = synchronous
    }
  }

  package func durability() async throws(ApusError) -> Durability {
    try await write { db in
      Durability(
        journalMode: try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "",
        synchronous: try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0)
    }
  }

  func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(ApusError) -> Value {
    do {
      return try await pool.read(body)
    } catch {
      throw ApusError(history: path, error)
    }
  }

  /// Runs `body` on the writing connection, outside of a transaction and of the cooperative threads.
  func write<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(ApusError) -> Value {
    let result: Result<Value, ApusError> = await withCheckedContinuation { done in
      pool.asyncWriteWithoutTransaction { [path] db in
        done.resume(returning: Result { try body(db) }.mapError { ApusError(history: path, $0) })
      }
    }
    return try result.get()
  }
}
