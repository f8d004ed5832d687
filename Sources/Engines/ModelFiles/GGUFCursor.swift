import Serving

/// Reads the little-endian values of a GGUF header one after the other and refuses to go beyond the file.
struct GGUFCursor: ~Copyable {
  private let source: any ByteSource
  private var window: [UInt8] = []
  /// Where the window starts in the file.
  private var windowStart = 0
  private(set) var offset = 0

  /// Bytes read at once. Headers are a few megabytes, most of them the vocabulary.
  private static let windowSize = 256 << 10
  /// The longest header read: ten times the largest vocabulary known, and a bound on what a hostile file can make us hold.
  private static let headerLimit = 256 << 20

  init(_ source: any ByteSource) { self.source = source }

  var path: String { source.path }
  var fileSize: Int { source.size }
  var remaining: Int { source.size - offset }

  mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(ApusError) -> Number {
    let bytes = try take(MemoryLayout<Number>.size)
    var number: Number = 0
    for byte in bytes.reversed() { number = number << 8 | Number(truncatingIfNeeded: byte) }
    return number
  }

  /// The bytes of a string: a 64-bit length, then as many bytes.
  mutating func string(limit: Int, _ what: String) throws(ApusError) -> [UInt8] {
    let length = try integer(UInt64.self)
    guard length <= UInt64(limit) else { throw refusal("\(what) is \(length) bytes long; at most \(limit) are read") }
    return Array(try take(Int(length)))
  }

  mutating func skip(_ count: Int) throws(ApusError) {
    try check(count)
    offset += count
  }

  /// The next bytes. The slice is valid until the next call.
  mutating func take(_ count: Int) throws(ApusError) -> ArraySlice<UInt8> {
    try check(count)
    if offset < windowStart || offset + count > windowStart + window.count {
      window = try source.read(at: offset, count: min(remaining, max(count, Self.windowSize)))
      windowStart = offset
    }
    let start = offset - windowStart
    offset += count
    return window[start..<start + count]
  }

  func refusal(_ reason: String) -> ApusError {
    ApusError(
      .badInput, "\(path) is not a usable GGUF file: \(reason) (at byte \(offset))",
      advice: "Fetch or convert the model again, and compare its checksum.")
  }

  private func check(_ count: Int) throws(ApusError) {
    guard count <= remaining else { throw refusal("it ends after \(fileSize) bytes where \(count) more are needed") }
    guard offset + count <= Self.headerLimit else {
      throw refusal("its header is longer than \(Self.headerLimit) bytes")
    }
  }
}
