import Glibc
public import Serving

/// A freshly trained selector, ready to be written or used.
public struct TrainedModelFile: Sendable {
  public let bytes: [UInt8]
  public let model: SelectorModel

  init(_ file: SelectorFile) throws(ApusError) {
    bytes = file.bytes
    model = try SelectorModel(bytes: bytes, name: "the trained selector")
  }

  /// Writes the file whole or not at all: a reader sees the old model or the new one, also after a power cut.
  ///
  /// - Throws: `disk` when it cannot be written.
  public func write(to path: String) throws(ApusError) {
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.failure(path) }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let error = Self.failure(path)
        close(descriptor)
        unlink(temporary)
        throw error
      }
      written += count
    }
    let isDurable = fsync(descriptor) == 0
    let isClosed = close(descriptor) == 0
    guard isDurable, isClosed, rename(temporary, path) == 0 else {
      let error = Self.failure(path)
      unlink(temporary)
      throw error
    }
  }

  /// Reads `errno`, so it comes before any other call.
  private static func failure(_ path: String) -> ApusError {
    ApusError(
      .disk, "the selector model \(path) cannot be written: \(String(cString: strerror(errno)))",
      advice: "make room there or choose another place")
  }
}
