/// Cuts a byte stream into lines. A line without an end is handed out once it is longer than any line worth keeping,
/// so that a process cannot make us hold more than that.
struct LineSplitter {
  private static let limit = 4096
  private var pending: [UInt8] = []

  /// The lines that `bytes` complete, without their line ends. Bytes that are not UTF-8 become U+FFFD.
  mutating func take(_ bytes: some Sequence<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte != 0x0A { pending.append(byte) }
      if byte == 0x0A || pending.count >= Self.limit {
        lines.append(Self.text(pending))
        pending.removeAll(keepingCapacity: true)
      }
    }
    return lines
  }

  /// What is left when the stream ends without a line end.
  mutating func finish() -> String? {
    defer { pending = [] }
    return pending.isEmpty ? nil : Self.text(pending)
  }

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.last == 0x0D ? bytes.dropLast() : bytes[...], as: UTF8.self)
  }
}
