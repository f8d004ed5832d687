/// The hash of a key that one number tells apart, for tables that are looked into many times for each message.
///
/// Swift's own hash withstands whoever chooses keys that collide, and takes longer than the rest of a look-up. A
/// `Dictionary` asks its keys for `_rawHashValue(seed:)`, which is public though not documented; where it did not, they
/// would be hashed by `hash(into:)` as all others are.
public enum KeyHash {
  /// The number times 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4), both halves of the
  /// product folded.
  ///
  /// - Parameters:
  ///   - number: what tells the key from others; keys with equal numbers are told apart by comparing them.
  ///   - seed: the table's own.
  @inlinable public static func of(_ number: UInt64, seed: Int) -> Int {
    let product = (number ^ UInt64(bitPattern: Int64(seed))).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return Int(bitPattern: UInt(product.high ^ product.low))
  }
}
