import OpenBLAS
import Serving

/// Measures how fast the usable cores together multiply single-precision matrices, the bound of prompt processing.
///
/// The size follows from a first small product, so that one product takes about 0.1 s on a slow machine and a fast one
/// is not measured on matrices that fit its inner caches; the best product counts.
struct MatrixProductProbe {
  let threadCount: Int
  /// No new product starts after this long.
  let timeLimitSeconds: Double

  init(threadCount: Int, timeLimitSeconds: Double = 0.5) {
    precondition(threadCount >= 1, "nothing can be measured without a core")
    self.threadCount = threadCount
    self.timeLimitSeconds = timeLimitSeconds
  }

  /// Floating-point operations per second of the best product. Blocks the caller for about the time limit.
  func measure() -> Double {
    BLAS.setThreadCount(threadCount)
    let started = ContinuousClock.now
    let first = max(rate(side: 256), rate(side: 256))
    let side = [2048, 1024, 512].first { Self.operations(side: $0) / first < 0.1 } ?? 256
    var best = first
    for _ in 0..<16 where (ContinuousClock.now - started).seconds < timeLimitSeconds {
      best = max(best, rate(side: side))
    }
    // The worker itself needs no products, and idle threads of OpenBLAS spin for a while after each.
    BLAS.setThreadCount(1)
    return best
  }

  private static func operations(side: Int) -> Double { 2 * Double(side) * Double(side) * Double(side) }

  private func rate(side: Int) -> Double {
    let left = [Float](repeating: 1, count: side * side)
    let right = [Float](repeating: 0.5, count: side * side)
    var product = [Float](repeating: 0, count: side * side)
    let started = ContinuousClock.now
    BLAS.multiply(left, right, into: &product, rows: side, inner: side, columns: side)
    let seconds = max((ContinuousClock.now - started).seconds, 1e-9)
    precondition(product[side] == Float(side) / 2, "a row of ones times a column of halves is half the side")
    return Self.operations(side: side) / seconds
  }
}
