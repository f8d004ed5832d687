/// Hashes that are the same in every process, unlike Swift's own: seeds are made of them.
enum StableHash {
  /// FNV-1a, 64 bits (Fowler, Noll, Vo).
  static func of(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  /// One seed from two, by one step of SplitMix64.
  static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    var mixed = a ^ (b &+ 0x9E37_79B9_7F4A_7C15 &+ (a << 6) &+ (a >> 2))
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
