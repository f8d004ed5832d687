import Foundation

/// Measurements as they stand in a CSV file, one row for each (instance, algorithm), before they become a table to
/// learn from.
public struct TidyTable: Sendable {
  public let columns: [String]
  /// One for each row, in the order of the columns.
  public private(set) var rows: [[String]] = []
  /// Where each row begins in its file, from 1.
  public private(set) var lines: [Int] = []

  static let mostRows = 2_000_000

  /// - Throws: no column, one without a name, or two of one name.
  public init(columns: [String]) throws(LearningError) {
    guard !columns.isEmpty else { throw LearningError("no columns", line: 1) }
    if let place = columns.firstIndex(of: "") { throw LearningError("column \(place + 1) has no name", line: 1) }
    if let twice = Dictionary(grouping: columns, by: \.self).first(where: { $0.value.count > 1 })?.key {
      throw LearningError("two columns are named `\(twice)`", line: 1)
    }
    self.columns = columns
  }

  public mutating func append(_ fields: [String], line: Int) throws(LearningError) {
    guard fields.count == columns.count else {
      throw LearningError("\(fields.count) fields for \(columns.count) columns", line: line)
    }
    guard rows.count < Self.mostRows else { throw LearningError("more than \(Self.mostRows) rows", line: line) }
    rows.append(fields)
    lines.append(line)
  }

  func place(_ column: String) throws(LearningError) -> Int {
    if let place = columns.firstIndex(of: column) { return place }
    throw LearningError("no column `\(column)`; there are \(columns.joined(separator: ", "))", line: 1)
  }
}
