/// Rows of features, each with a number to foresee and how much it counts: what regressors learn from.
public struct RegressionRows: Sendable {
  public let columnCount: Int
  /// Row after row: `values[row * columnCount + column]`; a NaN is a missing value.
  public private(set) var values: [Float] = []
  /// One for each row, finite.
  public private(set) var targets: [Float] = []
  /// One for each row, not negative.
  public private(set) var weights: [Float] = []

  public init(columnCount: Int) {
    precondition(columnCount > 0, "rows have columns")
    self.columnCount = columnCount
  }

  public var count: Int { targets.count }

  public mutating func append(_ row: some Collection<Float>, target: Double, weight: Float = 1) {
    precondition(row.count == columnCount, "\(row.count) features for \(columnCount) columns")
    values += row
    targets.append(Float(target))
    weights.append(weight)
  }

  /// At most so many rows, evenly spread over all of them.
  func thinned(to most: Int) -> RegressionRows {
    guard count > most else { return self }
    var kept = RegressionRows(columnCount: columnCount)
    for place in 0..<most {
      let row = place * count / most
      kept.append(
        values[row * columnCount..<(row + 1) * columnCount], target: Double(targets[row]), weight: weights[row])
    }
    return kept
  }
}
