import Glibc

/// Our end of a pipe a child writes to. Used by the child's thread only.
final class PipeReader: @unchecked Sendable {
  // Unchecked: made by the task that spawns, then handed to the child's thread, which is the only one to use it.
  private var descriptor: Int32
  private var splitter = LineSplitter()
  private let handle: @Sendable (String) -> Void

  init(_ descriptor: Int32, _ handle: @escaping @Sendable (String) -> Void) {
    self.descriptor = descriptor
    self.handle = handle
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  fileprivate var pollDescriptor: Int32 { descriptor }

  /// Hands out the lines that are there. At most 1 MiB in one call, so that a child that writes without pause cannot keep
  /// its thread from seeing that time is up.
  ///
  /// - Returns: false at the end of the stream.
  func readAvailable() -> Bool {
    guard descriptor >= 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    for _ in 0..<64 {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 {
        for line in splitter.take(buffer[..<count]) { handle(line) }
      } else if count < 0 && errno == EINTR {
        continue
      } else if count < 0 && errno == EAGAIN {
        return true
      } else {
        finish()
        return false
      }
    }
    return true
  }

  /// Hands out what is left and closes the pipe.
  func finish() {
    guard descriptor >= 0 else { return }
    if let rest = splitter.finish() { handle(rest) }
    close(descriptor)
    descriptor = -1
  }
}

extension [PipeReader] {
  /// Returns when one of them has something, or after the time.
  func waitForInput(milliseconds: Int32) {
    var sources = map { pollfd(fd: $0.pollDescriptor, events: Int16(POLLIN), revents: 0) }
    poll(&sources, nfds_t(sources.count), milliseconds)
  }
}
