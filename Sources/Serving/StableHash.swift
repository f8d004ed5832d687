/// FNV-1a with 64 bits (Fowler, Noll, Vo; RFC 9923): the same in every process and on every machine, unlike Swift's own
/// hashes. Seeds, digests and keys that are stored are made of it; it is no defence against whoever chooses the text.
public enum StableHash {
  public static func of(_ text: String) -> UInt64 { of(text.utf8) }

  @inlinable public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}
