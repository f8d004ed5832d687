public import Serving

/// Bytes that can be read at any place: a file, or bytes in memory. Readers of model files know nothing else, so they
/// are pure functions of these bytes.
public protocol ByteSource: Sendable {
  /// For messages: a path.
  var path: String { get }
  /// Bytes in all.
  var size: Int { get }
  /// Exactly `count` bytes from `offset` on. Both are within the source: the caller has compared them with `size`.
  ///
  /// - Throws: `badInput` when the bytes cannot be read any more.
  func read(at offset: Int, count: Int) throws(ApusError) -> [UInt8]
}

/// Bytes that are in memory already.
public struct BytesInMemory: ByteSource {
  public let path: String
  private let bytes: [UInt8]

  public init(_ bytes: [UInt8], path: String = "bytes in memory") {
    self.bytes = bytes
    self.path = path
  }

  public var size: Int { bytes.count }

  public func read(at offset: Int, count: Int) -> [UInt8] {
    precondition(offset >= 0 && count >= 0 && offset <= size - count, "a read beyond the bytes must be refused before")
    return Array(bytes[offset..<offset + count])
  }
}
