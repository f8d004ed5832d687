import Foundation
import GRDB
public import Serving

/// Copies what can be read of a damaged history into a new one.
public enum HistoryRecovery {
  public struct Kept: Hashable, Sendable {
    public var table: String
    public var rowCount: Int
    /// Rows that were read but mean nothing: garbage, or what they refer to is lost.
    public var droppedCount = 0
    /// Row ids in the parts that cannot be read, used or not; 1 for such a part of a table with another key.
    public var unreadableCount = 0
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
      var kept = try copy(path, target)
      let store = try SQLiteHistoryStore(path: target)
      for index in kept.indices {
        let dropped = try await dropUnreadable(kept[index].table, store)
        kept[index].droppedCount += dropped
        kept[index].rowCount -= dropped
      }
      await store.close()
      return kept
    } catch {
      for file in [target, target + "-wal", target + "-shm"] { try? FileManager.default.removeItem(atPath: file) }
      throw error
    }
  }

  private static func copy(_ path: String, _ target: String) throws(ApusError) -> [Kept] {
    var (reading, writing) = (Configuration(), Configuration())
    reading.readonly = true
    // What refers to a row that is lost goes at the end.
    writing.foreignKeysEnabled = false
    let output: DatabaseQueue
    do { output = try DatabaseQueue(path: target, configuration: writing) } catch {
      throw ApusError(history: target, error)
    }
    do {
      let input = try DatabaseQueue(path: path, configuration: reading)
      let kept = try input.inDatabase { source in
        try Migrations.checkOwner(source)
        return try output.write { try copy(source, $0) }
      }
      try output.writeWithoutTransaction {
        try $0.execute(sql: "PRAGMA application_id = \(Migrations.applicationID)")
      }
      try output.close()
      return kept
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw ApusError(
        .badInput, "nothing of the history at \(path) can be read: \(error.message ?? "its first page is damaged")",
        advice: "put a backup in its place, or move it away to begin a new one")
    } catch {
      throw ApusError(history: path, error)
    }
  }

  private static func copy(_ source: Database, _ target: Database) throws -> [Kept] {
    let statements = try String.fetchAll(
      source,
      sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, rowid")
    // Tables first: "table" is after "index".
    for statement in statements { try target.execute(sql: statement) }
    let tables = try String.fetchAll(
      source, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    var kept: [Kept] = []
    for table in tables {
      var count = Kept(table: table, rowCount: 0)
      count.unreadableCount = Int(
        try DamagedTable(table, in: target).read(from: source) { values in
          let marks = Array(repeating: "?", count: values.count).joined(separator: ", ")
          let insert = try target.cachedStatement(sql: "INSERT INTO \(table) VALUES (\(marks))")
          do {
            try insert.execute(arguments: StatementArguments(values))
            count.rowCount += 1
          } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            count.droppedCount += 1
          }
        })
      kept.append(count)
    }
    try dropDangling(&kept, target)
    return kept.filter { $0.table != "grdb_migrations" }
  }

  /// Drops rows that refer to lost ones, and those that refer to them.
  private static func dropDangling(_ kept: inout [Kept], _ db: Database) throws {
    var isSettled = false
    while !isSettled {
      isSettled = true
      for index in kept.indices {
        let table = kept[index].table
        for key in try db.foreignKeys(on: table) {
          for (column, parent) in key.mapping {
            try db.execute(
              sql: """
                DELETE FROM \(table) WHERE \(column) IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM \(key.destinationTable) AS parent WHERE parent.\(parent) = \(table).\(column))
                """)
            kept[index].droppedCount += db.changesCount
            kept[index].rowCount -= db.changesCount
            if db.changesCount > 0 { isSettled = false }
          }
        }
      }
    }
  }

  /// Drops rows that SQLite reads and Apus cannot.
  private static func dropUnreadable(_ table: String, _ store: SQLiteHistoryStore) async throws(ApusError) -> Int {
    switch table {
    case "jobs":
      let rows = try await store.read { db in
        try Int64.fetchAll(db, sql: "SELECT row FROM jobs").filter { row in
          (try? JobTable.read("WHERE row = ?", [row], in: db)) == nil
        }
      }
      try await drop(rows, by: "row", of: ["jobs"], store)
      return rows.count
    case "measurements":
      let rows = await HistoryCheck.unreadableMeasurements(store, limit: .max).map(\.row)
      try await drop(rows, by: "measurement_row", of: ["samples", "quality_losses"], store)
      try await drop(rows, by: "row", of: ["measurements"], store)
      return rows.count
    default:
      return 0
    }
  }

  private static func drop(
    _ rows: [Int64], by column: String, of tables: [String], _ store: SQLiteHistoryStore
  ) async throws(ApusError) {
    try await store.write { db in
      for table in tables {
        for row in rows { try db.execute(sql: "DELETE FROM \(table) WHERE \(column) = ?", arguments: [row]) }
      }
    }
  }
}
