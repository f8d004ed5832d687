import CXGBoost

/// Rows of features with their labels and weights, in XGBoost's own form. A NaN is a missing value.
///
/// Not `Sendable`: used by the thread that trains with it.
public final class DataMatrix {
  let handle: DMatrixHandle
  public let rowCount: Int
  public let columnCount: Int

  /// - Parameters:
  ///   - values: row after row, `values[row * columnCount + column]`; copied.
  ///   - labels: one for each row, finite.
  ///   - weights: one for each row, not negative; empty for all equal.
  /// - Throws: what the library refuses, such as a label that is not finite.
  public init(
    values: [Float], columnCount: Int, labels: [Float] = [], weights: [Float] = []
  ) throws(XGBoostError) {
    precondition(
      columnCount > 0 && values.count.isMultiple(of: columnCount), "values are whole rows")
    let rows = values.count / columnCount
    precondition(rows > 0, "a matrix has rows")
    precondition(labels.isEmpty || labels.count == rows, "\(labels.count) labels for \(rows) rows")
    precondition(
      weights.isEmpty || weights.count == rows, "\(weights.count) weights for \(rows) rows")
    var created: DMatrixHandle?
    // The variant without `_omp` in its name copies on this thread alone.
    try XGBoostError.check(
      XGDMatrixCreateFromMat(values, bst_ulong(rows), bst_ulong(columnCount), .nan, &created),
      "XGDMatrixCreateFromMat")
    guard let created else { preconditionFailure("XGBoost made no matrix and gave no error") }
    handle = created
    rowCount = rows
    self.columnCount = columnCount
    if !labels.isEmpty { try set("label", labels) }
    if !weights.isEmpty { try set("weight", weights) }
  }

  deinit { XGDMatrixFree(handle) }

  private func set(_ field: String, _ values: [Float]) throws(XGBoostError) {
    try XGBoostError.check(
      XGDMatrixSetFloatInfo(handle, field, values, bst_ulong(values.count)),
      "XGDMatrixSetFloatInfo(\(field))")
  }
}
