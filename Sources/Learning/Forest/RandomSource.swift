import Foundation

/// Reproducible random numbers in streams: the pair (seed, stream) names a sequence, so that trees grown in any order
/// on any number of threads are the same trees. PCG-XSH-RR (O'Neill, 2014), 64 bits of state, 32 bits a step.
struct RandomSource: RandomNumberGenerator, Sendable {
  private var state: UInt64
  private let increment: UInt64

  init(seed: UInt64, stream: UInt64 = 0) {
    increment = stream << 1 | 1
    state = 0
    _ = step()
    state &+= seed
    _ = step()
  }

  private mutating func step() -> UInt32 {
    let old = state
    state = old &* 6_364_136_223_846_793_005 &+ increment
    let mixed = UInt32(truncatingIfNeeded: ((old >> 18) ^ old) >> 27)
    let turn = UInt32(truncatingIfNeeded: old >> 59)
    return mixed >> turn | mixed << ((0 &- turn) & 31)
  }

  mutating func next() -> UInt64 { UInt64(step()) << 32 | UInt64(step()) }

  /// From 0 to `bound - 1`; the bias of the multiplication is below 2^-20 for any table that fits in memory.
  mutating func index(below bound: Int) -> Int {
    Int((UInt64(step()) &* UInt64(truncatingIfNeeded: bound)) >> 32)
  }

  /// In [0, 1).
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Standard normal (Box and Muller, 1958).
  mutating func normal() -> Double {
    (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
  }
}
