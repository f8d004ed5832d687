import CXGBoost

/// A booster read from bytes, for predicting with one thread.
final class LoadedTrees {
  let handle: BoosterHandle

  /// - Parameter bytes: as `Booster.save` gave them.
  /// - Throws: bytes that are no model, or one for another number of columns.
  init(_ bytes: some Collection<UInt8>, columnCount: Int) throws(XGBoostError) {
    var created: BoosterHandle?
    try XGBoostError.check(XGBoosterCreate(nil, 0, &created), "XGBoosterCreate")
    guard let created else { preconditionFailure("XGBoost made no booster and gave no error") }
    handle = created
    let buffer = Array(bytes)
    try XGBoostError.check(
      XGBoosterLoadModelFromBuffer(handle, buffer, bst_ulong(buffer.count)), "XGBoosterLoadModelFromBuffer")
    try XGBoostError.check(XGBoosterSetParam(handle, "nthread", "1"), "XGBoosterSetParam(nthread)")
    var columns: bst_ulong = 0
    try XGBoostError.check(XGBoosterGetNumFeature(handle, &columns), "XGBoosterGetNumFeature")
    guard Int(columns) == columnCount else {
      throw XGBoostError(
        operation: "XGBoosterGetNumFeature", message: "the trees are for \(columns) columns, not \(columnCount)")
    }
  }

  deinit { XGBoosterFree(handle) }
}
