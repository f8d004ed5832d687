import GRDB

/// The schema of a database as text that can be compared.
enum Schema {
  /// A database in memory with every migration applied.
  static func fresh() throws -> DatabaseQueue {
    let queue = try DatabaseQueue()
    try Migrations.migrator.migrate(queue)
    return queue
  }

  static func statements(of queue: DatabaseQueue) throws -> [String] { try queue.read(statements) }

  /// The statements that made the tables and indexes, in the order made, without SQLite's and GRDB's own.
  static func statements(of db: Database) throws -> [String] {
    try String.fetchAll(
      db,
      sql: """
        SELECT sql FROM sqlite_master
        WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'grdb_%' ORDER BY rowid
        """)
  }
}

/// What Schemas/history.sql says after its head.
package enum HistorySchema {
  package static func sql() throws -> String {
    try Schema.statements(of: Schema.fresh()).map { $0 + ";\n" }.joined(separator: "\n")
  }
}
