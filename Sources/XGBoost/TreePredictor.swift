import CXGBoost

/// Trained trees that only predict, from any thread.
///
/// `@unchecked Sendable` is true because nothing changes after `init`: the parameters are set and the lazy configuration
/// of the library is forced there, and in-place prediction of tree models is documented as thread-safe (its result lies
/// in a buffer of the calling thread). Checked by a test that predicts from several threads at once.
///
/// Predicts with one thread: on a busy machine, OpenMP's barriers wait for threads that the system does not run, which
/// costs far more than the second core gains.
public final class TreePredictor: @unchecked Sendable {
  private let trees: LoadedTrees
  public let columnCount: Int

  /// - Parameter bytes: as `Booster.save` gave them.
  /// - Throws: bytes that are no model, or one for another number of columns.
  public init(_ bytes: some Collection<UInt8>, columnCount: Int) throws(XGBoostError) {
    trees = try LoadedTrees(bytes, columnCount: columnCount)
    self.columnCount = columnCount
    // Forces the library's lazy configuration while nobody else can hold this object.
    _ = try predict([Float](repeating: .nan, count: columnCount))
  }

  /// One prediction for each row.
  ///
  /// - Parameter values: row after row; a NaN is a missing value.
  public func predict(_ values: [Float]) throws(XGBoostError) -> [Float] {
    precondition(
      !values.isEmpty && values.count.isMultiple(of: columnCount), "values are whole rows")
    let rows = values.count / columnCount
    // Inside the closure only C and integers: a typed throw does not pass through it in this language version.
    let (status, result): (Int32, [Float]) = values.withUnsafeBufferPointer { buffer in
      let matrix =
        #"{"data":[\#(UInt(bitPattern: buffer.baseAddress)),true],"shape":[\#(rows),\#(columnCount)],"#
        + #""typestr":"<f4","version":3}"#
      var shape: UnsafePointer<bst_ulong>?
      var dimension: bst_ulong = 0
      var predictions: UnsafePointer<Float>?
      let status = XGBoosterPredictFromDense(
        trees.handle, matrix, Self.configuration, nil, &shape, &dimension, &predictions)
      guard status == 0, let predictions else { return (status, []) }
      return (status, Array(UnsafeBufferPointer(start: predictions, count: rows)))
    }
    try XGBoostError.check(status, "XGBoosterPredictFromDense")
    precondition(result.count == rows, "\(result.count) predictions for \(rows) rows")
    return result
  }

  private static let configuration =
    #"{"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0}"#
}
