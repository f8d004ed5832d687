import GRDB
import Serving
import Synchronization

/// A kind of value that many measurements share, stored once for each distinct value and referred to by its row.
protocol SharedContent: Codable, Hashable, Sendable {
  static var table: String { get }
  /// Columns that people and filters read, beside the JSON.
  static var readableColumns: [String] { get }
  var readableValues: [String] { get }
}

extension HardwareProfile: SharedContent {
  static var table: String { "hardware" }
  static var readableColumns: [String] { ["fingerprint"] }
  var readableValues: [String] { [fingerprint] }
}

extension ModelProfile: SharedContent {
  static var table: String { "model_profiles" }
  static var readableColumns: [String] { ["model_id"] }
  var readableValues: [String] { [id.rawValue] }
}

extension Workload: SharedContent {
  static var table: String { "workloads" }
  static var readableColumns: [String] { ["shape"] }
  var readableValues: [String] { [shape] }
}

extension EngineConfiguration: SharedContent {
  static var table: String { "configurations" }
  static var readableColumns: [String] { ["fingerprint"] }
  var readableValues: [String] { [fingerprint] }
}

/// Finds or makes the row of a value. Belongs to the one writing connection; rows are never removed.
struct ContentWriter<Value: SharedContent> {
  /// Most values remembered; beyond it the memory starts anew and the table is asked again.
  private static var rememberedLimit: Int { 4096 }
  private var rows: [Value: Int64] = [:]

  mutating func row(of value: Value, in db: Database) throws -> Int64 {
    if let row = rows[value] { return row }
    let row = try storedRow(of: value, in: db)
    if rows.count >= Self.rememberedLimit { rows.removeAll(keepingCapacity: true) }
    rows[value] = row
    return row
  }

  /// To be called when a transaction was rolled back: rows made in it are gone.
  mutating func forget() { rows.removeAll() }

  private func storedRow(of value: Value, in db: Database) throws -> Int64 {
    let text = StoredJSON.text(value)
    let digest = StoredJSON.digest(text)
    let find = try db.cachedStatement(sql: "SELECT id FROM \(Value.table) WHERE digest = ? AND profile = ?")
    if let row = try Int64.fetchOne(find, arguments: [digest, text]) { return row }
    let columns = Value.readableColumns.joined(separator: ", ")
    let marks = Value.readableColumns.map { _ in "?, " }.joined()
    let insert = try db.cachedStatement(
      sql: "INSERT INTO \(Value.table) (\(columns), digest, profile) VALUES (\(marks)?, ?)")
    try insert.execute(
      arguments: StatementArguments(value.readableValues.map(FreeText.display)) + [digest, text])
    return db.lastInsertedRowID
  }
}

/// Values already read, by row. Rows never change, so what is remembered stays true; shared by all reading connections.
final class ContentReader<Value: SharedContent>: Sendable {
  private static var rememberedLimit: Int { 4096 }
  private let values = Mutex<[Int64: Value]>([:])

  /// - Throws: `HistoryFault.damaged` when there is no such row.
  func value(row: Int64, in db: Database) throws -> Value {
    if let value = values.withLock({ $0[row] }) { return value }
    let find = try db.cachedStatement(sql: "SELECT profile FROM \(Value.table) WHERE id = ?")
    guard let text = try String.fetchOne(find, arguments: [row]) else {
      throw HistoryFault.damaged("row \(row) of \(Value.table) is missing")
    }
    let value = try StoredJSON.value(Value.self, text)
    values.withLock { values in
      if values.count >= Self.rememberedLimit { values.removeAll(keepingCapacity: true) }
      values[row] = value
    }
    return value
  }
}
