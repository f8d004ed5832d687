import GRDB
public import Serving

/// Looks for damage in a history.
public enum HistoryCheck {
  /// Most findings reported; a broken file can have millions.
  public static let findingLimit = 100

  public static let recoveryAdvice =
    "Stop everything of Apus on it; `apus history recover` copies what can be read into a new one. Or restore a backup."

  /// What is wrong, in words; empty when nothing is.
  ///
  /// Runs SQLite's own check of every page and index, the check of all references, and reads every measurement, job and
  /// placement with its raw samples back, in pages.
  /// - Throws: `badInput` when the file is too broken to be read at all, `disk` when it cannot be read.
  public static func run(_ store: SQLiteHistoryStore) async throws(ApusError) -> [String] {
    var findings = try await store.read { db in
      try pages(db) + references(db) + schema(db) + profiles(db) + jobs(db)
        + PlacementTable.damage(db, limit: findingLimit)
    }
    findings += await values(store)
    return Array(findings.prefix(findingLimit))
  }

  /// What SQLite itself finds in a file that cannot be opened as a history; empty when it finds nothing.
  public static func damage(at path: String) -> [String] {
    var configuration = Configuration()
    configuration.readonly = true
    do {
      return try DatabaseQueue(path: path, configuration: configuration).read(pages)
    } catch {
      return ["\((error as? DatabaseError)?.message ?? "\(error)")"]
    }
  }

  private static func pages(_ db: Database) throws -> [String] {
    try String.fetchAll(db, sql: "PRAGMA integrity_check(\(findingLimit))").filter { $0 != "ok" }
  }

  private static func references(_ db: Database) throws -> [String] {
    try Row.fetchAll(db, sql: "SELECT * FROM pragma_foreign_key_check LIMIT \(findingLimit)").map { row in
      let (table, parent) = ((row[0] as String?) ?? "?", (row[2] as String?) ?? "?")
      return "row \((row[1] as Int64?).map(String.init) ?? "?") of \(table) refers to a missing row of \(parent)"
    }
  }

  private static func schema(_ db: Database) throws -> [String] {
    let expected = try Schema.statements(of: Schema.fresh())
    let found = try Schema.statements(of: db)
    return expected.filter { !found.contains($0) }.map { "the schema lacks: \($0.prefix(60))" }
      + found.filter { !expected.contains($0) }.map { "the schema has what no version made: \($0.prefix(60))" }
  }

  /// Models and nodes have some that no measurement refers to.
  private static func profiles(_ db: Database) throws -> [String] {
    try damage(HardwareProfile.self, db) + damage(ModelProfile.self, db) + damage(Workload.self, db)
      + damage(EngineConfiguration.self, db)
  }

  private static func damage<Value: SharedContent>(_ type: Value.Type, _ db: Database) throws -> [String] {
    let reader = ContentReader<Value>()
    return try Int64.fetchAll(db, sql: "SELECT id FROM \(Value.table)").compactMap { row in
      do { _ = try reader.value(row: row, in: db) } catch { return "row \(row) of \(Value.table): \(words(error))" }
      return nil
    }
  }

  private static func jobs(_ db: Database) throws -> [String] {
    var findings: [String] = []
    for id in try String.fetchAll(db, sql: "SELECT id FROM jobs") {
      do { _ = try JobTable.read("WHERE id = ?", [id], in: db) } catch { findings.append("job \(id): \(words(error))") }
      if findings.count >= findingLimit { break }
    }
    return findings
  }

  /// Reads page by page; a page that cannot be read is gone through row by row to name what is broken.
  private static func values(_ store: SQLiteHistoryStore) async -> [String] {
    var findings: [String] = []
    var filter = MeasurementFilter(limit: 200)
    while findings.count < findingLimit {
      do {
        let page = try await store.measurements(filter, includingSamples: true)
        guard let last = page.last else { break }
        filter.afterRow = last.row
        filter.limit = 200
      } catch {
        guard filter.limit == 1 else {
          filter.limit = 1
          continue
        }
        findings.append(error.reason)
        let after = filter.afterRow
        let next = try? await store.read { db in
          try Int64.fetchOne(db, sql: "SELECT min(row) FROM measurements WHERE row > ?", arguments: [after])
        }
        guard let next = next ?? nil else { break }
        filter.afterRow = next
      }
    }
    return findings
  }

  private static func words(_ error: any Error) -> String {
    if case HistoryFault.damaged(let what) = error { what } else { "\(error)" }
  }
}
