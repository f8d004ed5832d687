import Foundation
import GRDB
public import Serving

/// Copies what can be read of a damaged history into a new one.
public enum HistoryRecovery {
  public struct Kept: Hashable, Sendable {
    public var table: String
    /// Rows of the copy.
    public var rowCount = 0
    /// Rows that could be read and mean nothing, or that refer to what is lost.
    public var droppedCount = 0
    /// Whether some part could not be read.
    public var isDamaged = false
    /// Row ids that did not turn up, used or not; there may have been more behind them.
    public var missingCount = 0
  }

  /// The copy is a history that passes `HistoryCheck`; the damaged file stays as it is.
  ///
  /// - Parameter target: there must be no file there.
  /// - Returns: each table, in the order made.
  /// - Throws: `badInput` when there is a file at `target` already, or when too much is damaged for any of it to be read;
  ///   `disk` when the copy cannot be written.
  public static func run(from path: String, to target: String) async throws(ApusError) -> [Kept] {
    guard !FileManager.default.fileExists(atPath: target) else {
      throw ApusError(.badInput, "there is a file at \(target)", advice: "remove it, or name another with --to")
    }
    try HistoryFile.prepare(target)
    do throws(ApusError) {
      let read = try copy(path, target)
      let store = try SQLiteHistoryStore(path: target)
      let kept = try await store.write { db in
        // A row may go before those that refer to it.
        try db.execute(sql: "PRAGMA foreign_keys = OFF")
        try db.inTransaction {
          try MeaninglessRows.drop(from: db)
          return .commit
        }
        return try read.map { table in
          var kept = table
          kept.rowCount = try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table.table)") ?? 0
          kept.droppedCount += table.rowCount - kept.rowCount
          return kept
        }
      }
      await store.close()
      return kept
    } catch {
      for file in [target, target + "-wal", target + "-shm"] { try? FileManager.default.removeItem(atPath: file) }
      throw error
    }
  }

  /// - Returns: of each table what was written, whatever it means.
  private static func copy(_ path: String, _ target: String) throws(ApusError) -> [Kept] {
    var (reading, writing) = (Configuration(), Configuration())
    reading.readonly = true
    writing.foreignKeysEnabled = false
    let (input, plan): (DatabaseQueue, Plan)
    do {
      input = try DatabaseQueue(path: path, configuration: reading)
      plan = try input.read { db in
        try Migrations.checkOwner(db)
        return try Plan(db)
      }
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw ApusError(
        .badInput, "nothing of the history at \(path) can be read: \(error.message ?? "its schema is damaged")",
        advice: "put a backup in its place, or move it away to begin a new one")
    } catch {
      throw ApusError(history: path, error)
    }
    do {
      let output = try DatabaseQueue(path: target, configuration: writing)
      try output.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA application_id = \(Migrations.applicationID)")
      }
      // No transaction of its own, which would end with the error of what could not be read.
      let kept = try input.inDatabase { source in try output.write { try copy(plan, source, $0) } }
      try output.close()
      return kept
    } catch {
      throw ApusError(history: target, error)
    }
  }

  /// What there is to copy.
  private struct Plan {
    /// Those that make the tables and indexes, tables first.
    var statements: [String]
    var tables: [String]
    /// The steps of today's schema, where it is that: whatever became of their table. Nil for an older one.
    var steps: [String]?

    init(_ db: Database) throws {
      // "table" is after "index".
      let order = "ORDER BY type DESC, rowid"
      statements = try String.fetchAll(
        db, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' \(order)")
      tables = try String.fetchAll(
        db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \(order)")
      guard try Schema.statements(of: db) == Schema.statements(of: Schema.fresh()) else { return }
      steps = Migrations.steps.map(\.name)
      tables.removeAll { $0 == Self.stepTable }
    }

    static let stepTable = "grdb_migrations"
  }

  private static func copy(_ plan: Plan, _ source: Database, _ target: Database) throws -> [Kept] {
    for statement in plan.statements { try target.execute(sql: statement) }
    for step in plan.steps ?? [] {
      try target.execute(sql: "INSERT INTO \(Plan.stepTable) VALUES (?)", arguments: [step])
    }
    return try plan.tables.map { table in
      var kept = Kept(table: table)
      let reach = try DamagedTable(table, of: source, as: target).read { values in
        let marks = Array(repeating: "?", count: values.count).joined(separator: ", ")
        let insert = try target.cachedStatement(sql: "INSERT INTO \(table) VALUES (\(marks))")
        do {
          try insert.execute(arguments: StatementArguments(values))
          kept.rowCount += 1
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
          kept.droppedCount += 1
        }
      }
      (kept.isDamaged, kept.missingCount) = (reach.isDamaged, reach.missingCount)
      return kept
    }
    .filter { $0.table != Plan.stepTable }
  }
}
