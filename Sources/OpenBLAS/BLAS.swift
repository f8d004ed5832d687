import COpenBLAS

/// The part of OpenBLAS that Apus uses: single-precision matrix products and the number of threads they take.
///
/// OpenBLAS makes its threads when the library is loaded, one for each core of the process's affinity at that moment,
/// and keeps them asleep between calls. A product blocks the calling thread until it is done, so it must not be called
/// on Swift's cooperative pool.
public enum BLAS {
  /// Threads the next product uses, at least 1. The setting belongs to the process.
  public static var threadCount: Int {
    Int(openblas_get_num_threads())
  }

  /// Sets the threads of all later products of this process.
  ///
  /// - Parameter count: at least 1; OpenBLAS lowers what is above the most it was built for (64 on Debian).
  public static func setThreadCount(_ count: Int) {
    precondition(count >= 1, "a matrix product needs at least one thread, not \(count)")
    openblas_set_num_threads(Int32(clamping: count))
  }

  /// The kernels OpenBLAS chose for this processor, such as `Haswell` or `SkylakeX`.
  public static var kernelName: String {
    openblas_get_corename().map { String(cString: $0) } ?? "unknown"
  }

  /// `product = left x right`, all row by row.
  ///
  /// - Parameters:
  ///   - left: `[rows][inner]`.
  ///   - right: `[inner][columns]`.
  ///   - product: `[rows][columns]`, overwritten.
  public static func multiply(
    _ left: [Float], _ right: [Float], into product: inout [Float], rows: Int, inner: Int, columns: Int
  ) {
    precondition(rows > 0 && inner > 0 && columns > 0, "every side of a matrix is at least 1")
    precondition(left.count == rows * inner, "left must be rows x inner")
    precondition(right.count == inner * columns, "right must be inner x columns")
    precondition(product.count == rows * columns, "the product must be rows x columns")
    precondition(max(rows, inner, columns) <= Int(Int32.max), "OpenBLAS counts in 32 bits")
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), 1, left, Int32(inner),
      right, Int32(columns), 0, &product, Int32(columns))
  }

  /// `product = left x right transposed`, all row by row: what a layer of weights, stored by output, does to rows.
  ///
  /// - Parameters:
  ///   - left: `[rows][inner]`.
  ///   - right: `[columns][inner]`.
  ///   - product: `[rows][columns]`, overwritten.
  public static func multiply(
    _ left: UnsafeBufferPointer<Float>, transposing right: UnsafeBufferPointer<Float>,
    into product: UnsafeMutableBufferPointer<Float>, rows: Int, inner: Int, columns: Int
  ) {
    precondition(rows > 0 && inner > 0 && columns > 0, "every side of a matrix is at least 1")
    precondition(left.count >= rows * inner, "left must be rows x inner")
    precondition(right.count == columns * inner, "right must be columns x inner")
    precondition(product.count >= rows * columns, "the product must be rows x columns")
    precondition(max(rows, inner, columns) <= Int(Int32.max), "OpenBLAS counts in 32 bits")
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(columns), Int32(inner), 1, left.baseAddress,
      Int32(inner), right.baseAddress, Int32(inner), 0, product.baseAddress, Int32(columns))
  }
}
