/// Named columns of numbers: `values[row * columns.count + column]`. A NaN is a missing value.
public struct FeatureTable: Hashable, Sendable {
  public let columns: [String]
  public internal(set) var values: [Float]

  public var rowCount: Int { columns.isEmpty ? 0 : values.count / columns.count }

  init(columns: [String], values: [Float] = []) {
    precondition(
      columns.isEmpty ? values.isEmpty : values.count.isMultiple(of: columns.count), "whole rows")
    self.columns = columns
    self.values = values
  }

  public func row(_ row: Int) -> ArraySlice<Float> {
    values[row * columns.count..<(row + 1) * columns.count]
  }

  /// The value of a column in a row; nil for a column that does not exist.
  public func value(row: Int, column: String) -> Float? {
    columns.firstIndex(of: column).map { values[row * columns.count + $0] }
  }
}
