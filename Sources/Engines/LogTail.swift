/// The last lines a process wrote, whatever it writes: bounded in lines and in bytes of each line.
public struct LogTail: Sendable {
  /// Lines kept: enough for a Python traceback or a loader's error, small enough to store with every failure.
  public static let lineLimit = 40
  /// Bytes kept of one line; the rest of a longer one is dropped.
  public static let lineByteLimit = 1000

  private var lines: [String] = []
  /// Where the oldest line is, once `lineLimit` are there.
  private var oldest = 0

  public init() {}

  public mutating func append(_ line: String) {
    let kept =
      line.utf8.count <= Self.lineByteLimit
      ? line : String(decoding: line.utf8.prefix(Self.lineByteLimit), as: UTF8.self)
    if lines.count < Self.lineLimit {
      lines.append(kept)
    } else {
      lines[oldest] = kept
      oldest = (oldest + 1) % Self.lineLimit
    }
  }

  /// The kept lines, oldest first.
  public var text: String { (lines[oldest...] + lines[..<oldest]).joined(separator: "\n") }
}
