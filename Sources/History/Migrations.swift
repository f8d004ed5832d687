import GRDB
import Serving

/// The steps that lead from an empty file to today's schema.
///
/// Append-only: a step that has been released is never edited, because databases that took it exist. A new step goes
/// to the end of `steps`, with a fixture of the schema before it in Tests/Fixtures and a fresh Schemas/history.sql.
enum Migrations {
  /// `APUS` in ASCII: what tells a history from any other SQLite database (`PRAGMA application_id`).
  static let applicationID: Int32 = 0x4150_5553

  static let steps: [(name: String, sql: String)] = [
    ("1-jobs-and-measurements", FirstSchema.sql),
    ("2-quality-losses", QualitySchema.sql),
    ("3-energy-and-memory-estimates", EnergyAndMemorySchema.sql),
    ("4-explorations", ExplorationSchema.sql),
    ("5-finish-reasons", FinishReasonSchema.sql),
    ("6-placements", PlacementSchema.sql),
    ("7-tool-calls", ToolCallSchema.sql),
    ("8-tenants", TenantSchema.sql),
    ("9-accelerator-memory", AcceleratorMemorySchema.sql),
    ("10-accelerator-memory-estimates", AcceleratorMemoryEstimateSchema.sql),
  ]

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    for step in steps {
      migrator.registerMigration(step.name) { try $0.execute(sql: step.sql) }
    }
    return migrator
  }

  /// Refuses a database that is none of ours, before anything is written to it.
  static func checkOwner(_ db: Database) throws {
    // The tables first: another process that opens the same new file makes them in one transaction with the mark, and
    // may do so between the two questions. GRDB makes its own table before that.
    let count = "SELECT count(*) FROM sqlite_master WHERE tbl_name <> 'grdb_migrations'"
    let tables = try Int.fetchOne(db, sql: count) ?? 0
    let owner = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    guard owner == applicationID || (owner == 0 && tables == 0) else { throw HistoryFault.foreignDatabase }
  }

  /// Brings the database up to date, or refuses one from a newer version.
  static func bringUpToDate(_ pool: DatabasePool) throws {
    let migrator = migrator
    func refuseNewer() throws {
      let unknown = try pool.read { db in
        try migrator.hasBeenSuperseded(db) ? migrator.appliedIdentifiers(db).subtracting(steps.map(\.name)) : []
      }
      if let newest = unknown.max() { throw HistoryFault.newer(step: newest) }
    }
    try refuseNewer()
    while true {
      let taken = try pool.read(migrator.appliedIdentifiers)
      do {
        return try migrator.migrate(pool)
      } catch {
        // Another process that opened the same new file may have taken the step between our look and our lock, and
        // not yet those after it.
        guard try pool.read(migrator.appliedIdentifiers) != taken else { throw error }
      }
    }
  }
}

/// Why a file cannot serve as a history although SQLite reads it.
enum HistoryFault: Error, Hashable {
  case foreignDatabase
  /// Holds a schema step that this program does not know.
  case newer(step: String)
  /// A stored value that does not mean anything.
  case damaged(String)
}
