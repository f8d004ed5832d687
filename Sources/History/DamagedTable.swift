import GRDB

/// Reads what can be read of a table of which some pages are damaged.
///
/// A scan ends at the first bad page. So a table is read up to it from the front, down to it from the end, and what is left
/// between is halved and read the same way, until what is left are the rows that cannot be read themselves.
struct DamagedTable {
  let name: String
  /// Whether the key is the row id.
  private let hasRowIDs: Bool
  private let key: [String]

  /// Rows that the last page may hold, where it is the last page that is damaged; a page of 4 KiB holds fewer.
  private static let mostRowsPerPage: Int64 = 1024

  init(_ name: String, in db: Database) throws {
    self.name = name
    let key = try db.primaryKey(name)
    hasRowIDs = key.isRowID
    self.key = key.columns
  }

  /// Hands on each row's values, in no order.
  ///
  /// - Returns: how many row ids are in the parts that cannot be read, used or not; 1 for such a part of a table with another key.
  /// - Throws: what `take` throws, and whatever is no damage.
  func read(from db: Database, _ take: ([DatabaseValue]) throws -> Void) throws -> Int64 {
    guard hasRowIDs else { return try readByKey(from: db, take) }
    var (first, last, unreadable): (Int64, Int64, Int64) = (0, 0, 0)
    // What comes after a damaged last page is found in steps that double, as its highest row id cannot be asked for.
    while true {
      let end = try highestRowID(after: last, in: db)
      last = end ?? last + Self.mostRowsPerPage
      unreadable += try read(from: db, after: first, before: last + 1, take)
      first = last
      if end == nil { return unreadable }
    }
  }

  /// Nil where no row after `row` can be found, be there one or not.
  private func highestRowID(after row: Int64, in db: Database) throws -> Int64? {
    var highest: Int64?
    for step in 0..<40 {
      let sql = "SELECT rowid FROM \(name) NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT 1"
      let found = try Self.unlessDamaged { try Int64.fetchOne(db, sql: sql, arguments: [row + (1 << step) - 1]) }
      if let found = found ?? nil { highest = max(found, highest ?? found) }
    }
    return highest
  }

  /// Reads the rows between two ids, neither of them included, both bounds being of any row.
  private func read(
    from db: Database, after first: Int64, before end: Int64, _ take: ([DatabaseValue]) throws -> Void
  ) throws -> Int64 {
    guard end - first > 1 else { return 0 }
    var (low, high) = (first, end)
    if try scan(
      db, "rowid > \(low) AND rowid < \(high) ORDER BY rowid",
      {
        low = $0
        try take($1)
      })
    {
      return 0
    }
    if try scan(
      db, "rowid > \(low) AND rowid < \(high) ORDER BY rowid DESC",
      {
        high = $0
        try take($1)
      })
    {
      return 0
    }
    guard high - low > 2 else { return high - low - 1 }
    let middle = low + (high - low) / 2
    return try read(from: db, after: low, before: middle + 1, take) + read(from: db, after: middle, before: high, take)
  }

  /// - Returns: whether it came to the end.
  private func scan(
    _ db: Database, _ condition: String, _ take: (_ id: Int64, _ values: [DatabaseValue]) throws -> Void
  ) throws -> Bool {
    let rows = try Row.fetchCursor(db, sql: "SELECT rowid, * FROM \(name) NOT INDEXED WHERE \(condition)")
    while true {
      guard let next = try Self.unlessDamaged({ try rows.next() }) else { return false }
      guard let row = next else { return true }
      try take(row[0], Array(row.databaseValues.dropFirst()))
    }
  }

  /// Tables with another key are small: what is between two bad pages is not looked for.
  private func readByKey(from db: Database, _ take: ([DatabaseValue]) throws -> Void) throws -> Int64 {
    var seen: Set<[DatabaseValue]> = []
    for direction in ["", " DESC"] {
      let order = key.map { $0 + direction }.joined(separator: ", ")
      let rows = try Row.fetchCursor(db, sql: "SELECT * FROM \(name) ORDER BY \(order)")
      while let next = try Self.unlessDamaged({ try rows.next() }) {
        guard let row = next else { return 0 }
        let values = Array(row.databaseValues)
        if seen.insert(values).inserted { try take(values) }
      }
    }
    return 1
  }

  /// Nil for what cannot be read, be it the file's fault or the disk's.
  private static func unlessDamaged<Value>(_ body: () throws -> Value) throws -> Value? {
    do {
      return try body()
    } catch let error as DatabaseError
      where [.SQLITE_CORRUPT, .SQLITE_IOERR, .SQLITE_NOTADB].contains(error.resultCode)
    {
      return nil
    }
  }
}
