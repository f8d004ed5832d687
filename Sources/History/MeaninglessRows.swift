import GRDB
import Serving

import struct Foundation.Data

/// Drops rows that SQLite reads and a history cannot hold: values that do not say what they should, figures that cannot be
/// true, and what refers to such a row or to one that is not there.
enum MeaninglessRows {
  /// With foreign keys off.
  static func drop(from db: Database) throws {
    try dropProfiles(HardwareProfile.self, db)
    try dropProfiles(ModelProfile.self, db)
    try dropProfiles(Workload.self, db)
    try dropProfiles(EngineConfiguration.self, db)
    // A measurement without its raw samples is still one.
    try drop("samples", "measurement_row", db) { row in
      _ = try SampleCodec.decode(
        try Data.fetchOne(db, sql: "SELECT timelines FROM samples WHERE measurement_row = ?", arguments: [row])
          ?? Data())
    }
    try dropDangling(db)
    let reader = MeasurementReader()
    try drop("measurements", "row", db) { row in
      let filter = MeasurementFilter(afterRow: row - 1, limit: 1)
      for stored in try reader.measurements(filter, includingSamples: true, in: db) {
        try RecordRules.check([.measurement(stored.measurement)])
      }
    }
    try drop("jobs", "row", db) { row in
      try RecordRules.check(try JobTable.read("WHERE row = ?", [row], in: db).map { .job($0) })
    }
    try drop("placements", "row", db) { row in
      try RecordRules.check([.placement(try PlacementTable.read(row: row, in: db))])
    }
    try dropDangling(db)
  }

  private static func dropProfiles<Value: SharedContent>(_ type: Value.Type, _ db: Database) throws {
    let reader = ContentReader<Value>()
    try drop(Value.table, "id", db) { _ = try reader.value(row: $0, in: db) }
  }

  /// - Parameter check: throws what is wrong with a row.
  private static func drop(_ table: String, _ key: String, _ db: Database, _ check: (Int64) throws -> Void) throws {
    for row in try Int64.fetchAll(db, sql: "SELECT \(key) FROM \(table)") {
      do {
        try check(row)
      } catch  where error is HistoryFault || error is ApusError {
        try db.execute(sql: "DELETE FROM \(table) WHERE \(key) = ?", arguments: [row])
      }
    }
  }

  /// Drops rows that refer to one that is not there, and those that refer to them.
  private static func dropDangling(_ db: Database) throws {
    let tables = try String.fetchAll(
      db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    var isSettled = false
    while !isSettled {
      isSettled = true
      for table in tables {
        for key in try db.foreignKeys(on: table) {
          for (column, parent) in key.mapping {
            try db.execute(
              sql: """
                DELETE FROM \(table) WHERE \(column) IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM \(key.destinationTable) AS parent WHERE parent.\(parent) = \(table).\(column))
                """)
            if db.changesCount > 0 { isSettled = false }
          }
        }
      }
    }
  }
}
