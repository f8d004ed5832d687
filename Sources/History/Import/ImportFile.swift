import Glibc
package import Serving

/// A file that is read from its start to its end.
package final class ImportFile {
  private static let pieceBytes = 1 << 16
  /// Longest file that is read whole.
  private static let wholeBytesLimit = 256 << 20
  private let path: String
  private let descriptor: Int32

  package init(_ path: String) throws(ApusError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { throw fault() }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  package static func whole(_ path: String) throws(ApusError) -> [UInt8] {
    let bytes = try beginning(of: path, most: wholeBytesLimit + 1)
    guard bytes.count <= wholeBytesLimit else {
      throw ApusError(.badInput, "\(path) has more than \(wholeBytesLimit >> 20) MiB", advice: "split it")
    }
    return bytes
  }

  static func beginning(of path: String, most: Int) throws(ApusError) -> [UInt8] {
    let file = try ImportFile(path)
    var bytes: [UInt8] = []
    while bytes.count < most {
      let piece = try file.readPiece()
      if piece.isEmpty { break }
      bytes += piece
    }
    return bytes.count > most ? Array(bytes.prefix(most)) : bytes
  }

  /// Empty at the end.
  package func readPiece() throws(ApusError) -> [UInt8] {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { buffer, filled in
      repeat { count = read(descriptor, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
      filled = max(0, count)
    }
    if count < 0 { throw fault() }
    return bytes
  }

  private func fault() -> ApusError {
    ApusError(
      .disk, "\(path) cannot be read: \(String(cString: strerror(errno)))", advice: "check its name and permissions")
  }
}
