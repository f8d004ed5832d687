import CXGBoost

/// Takes predictions of trained trees apart: exact SHAP values (Lundberg, Lee, NIPS 2017; TreeSHAP, Nature Machine
/// Intelligence 2020).
///
/// Not `Sendable`: unlike `TreePredictor` it goes through the library's cache of predictions, which one thread at a time
/// may use.
public final class TreeExplainer {
  private let trees: LoadedTrees
  public let columnCount: Int

  /// - Parameter bytes: as `Booster.save` gave them.
  /// - Throws: bytes that are no model, or one for another number of columns.
  public init(_ bytes: some Collection<UInt8>, columnCount: Int) throws(XGBoostError) {
    trees = try LoadedTrees(bytes, columnCount: columnCount)
    self.columnCount = columnCount
  }

  /// For each row what each column added to the prediction, and last what every row begins with. Their sum is the
  /// prediction, but for rounding.
  ///
  /// - Parameter values: row after row; a NaN is a missing value.
  public func contributions(_ values: [Float]) throws(XGBoostError) -> [[Float]] {
    let matrix = try DataMatrix(values: values, columnCount: columnCount)
    var shape: UnsafePointer<bst_ulong>?
    var dimension: bst_ulong = 0
    var result: UnsafePointer<Float>?
    try XGBoostError.check(
      XGBoosterPredictFromDMatrix(
        trees.handle, matrix.handle, Self.configuration, &shape, &dimension, &result), "XGBoosterPredictFromDMatrix")
    let width = columnCount + 1
    guard let result, let shape, dimension == 2, shape[0] == bst_ulong(matrix.rowCount), shape[1] == bst_ulong(width)
    else { preconditionFailure("XGBoost gave contributions of another shape than rows x (columns + 1)") }
    // The buffer is the booster's and lives until the next call.
    return (0..<matrix.rowCount).map { Array(UnsafeBufferPointer(start: result + $0 * width, count: width)) }
  }

  private static let configuration =
    #"{"type":2,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false}"#
}
