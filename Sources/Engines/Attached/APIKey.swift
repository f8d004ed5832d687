import FoundationEssentials
public import Serving

/// The secret a server asks for in `Authorization: Bearer ...`. Never printed, logged or stored.
public struct APIKey: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  /// The value of the header.
  public let authorization: String

  /// Longer files are something else.
  static let mostBytes = 4096

  /// Reads the first line of a file.
  ///
  /// - Throws: `badInput` when there is none, or when it cannot be a header's value.
  public init(readingFrom path: String) throws(ApusError) {
    let file = try RandomAccessFile(path)
    guard file.size <= Self.mostBytes else {
      throw ApusError(
        .badInput, "\(path) has \(file.size) bytes, too many for an API key", advice: "Put only the key there.")
    }
    let bytes = try file.read(at: 0, count: file.size)
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty, line.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw ApusError(
        .badInput, "the first line of \(path) is no API key",
        advice: "It has one line of printable ASCII without spaces.")
    }
    authorization = "Bearer " + String(decoding: line, as: UTF8.self)
  }

  public var description: String { "(hidden)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
