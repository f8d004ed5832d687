import Glibc
import Serving

/// The distributions that simulated worlds are drawn from.
extension SeededGenerator {
  /// What it gives next, without going on.
  var first: UInt64 {
    var copy = self
    return copy.next()
  }

  mutating func number(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &self) }

  /// Uniform in the logarithm.
  mutating func logNumber(_ range: ClosedRange<Double>) -> Double {
    exp(number(log(range.lowerBound)...log(range.upperBound)))
  }

  mutating func exponential(mean: Double) -> Double { -mean * log(1 - Double.random(in: 0..<1, using: &self)) }

  /// Standard normal (Box and Muller, 1958).
  mutating func normal() -> Double {
    sqrt(-2 * log(1 - Double.random(in: 0..<1, using: &self))) * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
  }

  /// Median 1.
  mutating func logNormal(sigma: Double) -> Double { exp(sigma * normal()) }
}
