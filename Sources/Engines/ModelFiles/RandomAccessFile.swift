import Glibc
import Serving

/// A regular file open for reading, with the size it had when it was opened.
///
/// Read with `pread`, never mapped: a mapped file that another process cuts short ends the reader with SIGBUS.
final class RandomAccessFile: ByteSource {
  let path: String
  let size: Int
  private let descriptor: Int32

  /// - Throws: `badInput` unless the path is a readable regular file.
  init(_ path: String) throws(ApusError) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw ApusError(
        .badInput, "cannot read \(path): \(systemMessage(errno))", advice: "Check the path and its permissions.")
    }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw ApusError(.badInput, "\(path) is not a regular file", advice: "Give the path of a model file.")
    }
    self.path = path
    size = Int(information.st_size)
  }

  deinit { close(descriptor) }

  /// Exactly `count` bytes from `offset` on.
  ///
  /// - Throws: `badInput` when the file ends before, which it does only if it was cut short meanwhile.
  func read(at offset: Int, count: Int) throws(ApusError) -> [UInt8] {
    precondition(offset >= 0 && count >= 0 && offset <= size - count, "a read beyond the file must be refused before")
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
        if read < 0 && errno == EINTR { continue }
        guard read > 0 else {
          failure = read < 0 ? errno : EIO
          return
        }
        filled += read
      }
    }
    guard bytes.count == count else {
      throw ApusError(
        .badInput, "cannot read \(path) at byte \(offset + bytes.count): \(systemMessage(failure))",
        advice: "The file may have been changed while it was read; try again.")
    }
    return bytes
  }
}
