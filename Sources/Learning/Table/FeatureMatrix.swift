/// Rows of numbers under named columns. A NaN is a missing value.
public struct FeatureMatrix: Hashable, Sendable {
  public let columns: [String]
  /// Whether a column's numbers are only names of levels, whose order means nothing.
  public let isCategorical: [Bool]
  /// Row after row: `values[row * columns.count + column]`.
  public let values: [Float]
  /// Needed because a matrix without columns has rows all the same.
  public let rowCount: Int

  /// - Parameter isCategorical: one for each column; nil for none.
  public init(columns: [String], isCategorical: [Bool]? = nil, values: [Float], rowCount: Int) {
    precondition(values.count == rowCount * columns.count, "values are whole rows")
    precondition(isCategorical?.count ?? columns.count == columns.count, "a mark for each column")
    self.columns = columns
    self.isCategorical = isCategorical ?? columns.map { _ in false }
    self.values = values
    self.rowCount = rowCount
  }

  /// No columns: for algorithms or instances that nothing is known about.
  public static func empty(rowCount: Int) -> FeatureMatrix {
    FeatureMatrix(columns: [], values: [], rowCount: rowCount)
  }

  public var columnCount: Int { columns.count }

  public func row(_ index: Int) -> ArraySlice<Float> {
    values[index * columnCount..<(index + 1) * columnCount]
  }

  public func selecting(rows: [Int]) -> FeatureMatrix {
    var kept: [Float] = []
    kept.reserveCapacity(rows.count * columnCount)
    for index in rows { kept += row(index) }
    return FeatureMatrix(columns: columns, isCategorical: isCategorical, values: kept, rowCount: rows.count)
  }
}
