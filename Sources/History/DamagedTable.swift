import GRDB

/// Reads what can be read of a table of which some pages are damaged.
///
/// A scan ends at the first bad page, and a page that still looks whole may hold nonsense: so a row id is believed only where
/// it is one that this file can have, is in order, and comes with all of its row, and a scan ends where SQLite ends it.
/// Where it breaks off, the next row that can be read is looked for behind, and read back from there as well. In the end
/// each id that did not turn up is asked for by itself.
///
/// What is under a bad inner page cannot be found this way.
struct DamagedTable {
  /// What a reading came to.
  struct Reach: Hashable {
    /// Whether some part could not be read.
    var isDamaged = false
    /// Row ids up to the highest one seen that did not turn up, used or not.
    var missingCount = 0
  }

  /// Most rows that a page holds. Ids are given in turn, so that none is beyond what all pages may hold.
  private static let mostRowsPerPage: Int64 = 1024
  /// Questions for single rows that find nothing before the next ones step further, and before they end.
  private static let (closeProbes, mostProbes) = (4_096, 200_000)

  let name: String
  private let db: Database
  /// Whether the key is the row id.
  private let hasRowIDs: Bool
  private let key: [String]
  private let mostID: Int64

  /// - Parameters:
  ///   - source: the damaged database.
  ///   - target: a sound one with this table.
  init(_ name: String, of source: Database, as target: Database) throws {
    self.name = name
    db = source
    let key = try target.primaryKey(name)
    hasRowIDs = key.isRowID
    self.key = key.columns
    mostID = max(1 << 20, (try Int64.fetchOne(source, sql: "PRAGMA page_count") ?? 0) * Self.mostRowsPerPage)
  }

  /// Hands on each row's values once, in no order.
  ///
  /// - Throws: what `take` throws, and whatever is no damage.
  func read(_ take: @escaping ([DatabaseValue]) throws -> Void) throws -> Reach {
    guard hasRowIDs else { return try readByKey(take) }
    var reading = Reading(take: take)
    var position: Int64 = 0
    while true {
      let (last, isAtEnd) = try scan(after: position, &reading)
      if isAtEnd { break }
      reading.isDamaged = true
      guard let next = try nextReadable(after: last, reading.seen) else { break }
      try scanBack(from: next, &reading)
      position = next
    }
    guard reading.isDamaged else { return Reach() }
    let highest = try askSingly(&reading)
    return Reach(isDamaged: true, missingCount: Int(highest) - reading.seen.count)
  }

  private struct Reading {
    let take: ([DatabaseValue]) throws -> Void
    var seen: Set<Int64> = []
    var isDamaged = false

    mutating func add(_ row: Row) throws {
      guard seen.insert(row[0]).inserted else { return }
      try take(Array(row.databaseValues.dropFirst()))
    }
  }

  /// Reads on from an id that is not read itself.
  private func scan(after position: Int64, _ reading: inout Reading) throws -> (last: Int64, isAtEnd: Bool) {
    let sql = "SELECT rowid, * FROM \(name) NOT INDEXED WHERE rowid > ? ORDER BY rowid"
    let rows = try Row.fetchCursor(db, sql: sql, arguments: [position])
    var last = position
    while true {
      guard let next = try Self.unlessDamaged({ try rows.next() }) else { return (last, false) }
      guard let row = next else { return (last, true) }
      let id: Int64 = row[0]
      guard id > last, id <= mostID else {
        reading.isDamaged = true
        continue
      }
      try reading.add(row)
      last = id
    }
  }

  /// Reads back from an id, to where something was read before or nothing can be read.
  private func scanBack(from position: Int64, _ reading: inout Reading) throws {
    let sql = "SELECT rowid, * FROM \(name) NOT INDEXED WHERE rowid <= ? ORDER BY rowid DESC"
    let rows = try Row.fetchCursor(db, sql: sql, arguments: [position])
    while let next = try Self.unlessDamaged({ try rows.next() }), let row = next {
      let id: Int64 = row[0]
      guard id > 0, id <= position else { continue }
      if reading.seen.contains(id) { return }
      try reading.add(row)
    }
  }

  /// The first row behind an id that can be read and was not; nil where none is found.
  private func nextReadable(after id: Int64, _ seen: Set<Int64>) throws -> Int64? {
    let sql = "SELECT rowid, * FROM \(name) NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT 1"
    var (position, step): (Int64, Int64) = (id, 1)
    for probe in 0..<Self.mostProbes where position < mostID {
      if let found = try Self.unlessDamaged({ try Row.fetchOne(db, sql: sql, arguments: [position]) }) {
        guard let row = found else { return nil }
        let next: Int64 = row[0]
        if next > position, next <= mostID, !seen.contains(next) { return next }
      }
      position += step
      if probe > Self.closeProbes { step = min(2 * step, Self.mostRowsPerPage) }
    }
    return nil
  }

  /// - Returns: the highest id that was read.
  private func askSingly(_ reading: inout Reading) throws -> Int64 {
    // A statement of its own for each: one that failed keeps its error.
    let sql = "SELECT rowid, * FROM \(name) NOT INDEXED WHERE rowid = ?"
    guard let highest = reading.seen.max() else { return 0 }
    for id in (1...highest).lazy.filter({ [seen = reading.seen] in !seen.contains($0) }).prefix(Self.mostProbes) {
      if let found = try Self.unlessDamaged({ try Row.fetchOne(db, sql: sql, arguments: [id]) }), let row = found,
        row[0] == id
      {
        try reading.add(row)
      }
    }
    return highest
  }

  /// Tables with another key are small: what is between two bad pages is not looked for.
  private func readByKey(_ take: ([DatabaseValue]) throws -> Void) throws -> Reach {
    var seen: Set<[DatabaseValue]> = []
    for direction in ["", " DESC"] {
      let order = key.map { $0 + direction }.joined(separator: ", ")
      let rows = try Row.fetchCursor(db, sql: "SELECT * FROM \(name) NOT INDEXED ORDER BY \(order)")
      while let next = try Self.unlessDamaged({ try rows.next() }) {
        guard let row = next else { return Reach(isDamaged: direction != "") }
        let values = Array(row.databaseValues)
        if seen.insert(values).inserted { try take(values) }
      }
    }
    return Reach(isDamaged: true)
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
