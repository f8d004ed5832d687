import CXGBoost

/// Boosted trees while they are trained. Publish them as a `TreePredictor`.
///
/// Threads: training blocks and uses the `nthread` threads it is told; call it where that is allowed. Not `Sendable`:
/// one thread at a time trains, saves or predicts with it.
public final class Booster {
  let handle: BoosterHandle

  /// - Parameter parameters: as in XGBoost's documentation, such as `("max_depth", "4")`, in this order.
  /// - Throws: a parameter the library does not know how to read.
  public init(training matrix: DataMatrix, parameters: [(name: String, value: String)])
    throws(XGBoostError)
  {
    var matrices: [DMatrixHandle?] = [matrix.handle]
    var created: BoosterHandle?
    try XGBoostError.check(XGBoosterCreate(&matrices, 1, &created), "XGBoosterCreate")
    guard let created else { preconditionFailure("XGBoost made no booster and gave no error") }
    handle = created
    for (name, value) in parameters {
      try XGBoostError.check(
        XGBoosterSetParam(handle, name, value), "XGBoosterSetParam(\(name)=\(value))")
    }
  }

  deinit { XGBoosterFree(handle) }

  /// Adds `rounds` trees fitted to the matrix, numbered from `first`.
  public func train(_ matrix: DataMatrix, rounds: Int, from first: Int = 0) throws(XGBoostError) {
    for round in first..<first + rounds {
      try XGBoostError.check(
        XGBoosterUpdateOneIter(handle, Int32(round), matrix.handle), "XGBoosterUpdateOneIter")
    }
  }

  /// The trees in universal binary JSON: what `TreePredictor` reads.
  public func save() throws(XGBoostError) -> [UInt8] {
    var count: bst_ulong = 0
    var bytes: UnsafePointer<CChar>?
    try XGBoostError.check(
      XGBoosterSaveModelToBuffer(handle, #"{"format":"ubj"}"#, &count, &bytes),
      "XGBoosterSaveModelToBuffer")
    // The buffer is the library's and lives until the next call.
    return Array(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
  }
}
