import Serving

extension StableHash {
  /// One seed from two, by one step of SplitMix64.
  static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var mixed = a ^ (b &+ 0x9E37_79B9_7F4A_7C15 &+ (a << 6) &+ (a >> 2))
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
