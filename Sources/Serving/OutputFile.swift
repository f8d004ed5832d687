import Glibc

/// Output under a path that a person named: a file that is replaced only once the new one is whole.
///
/// What is there and is no regular file (a device, a pipe) is written into, as a shell does; a symbolic link stays, and
/// what it points to is replaced.
public final class OutputFile {
  private let path: String
  /// Nil for what is written into.
  private let replacement: (temporary: String, target: String)?
  private var descriptor: Int32

  /// - Parameter path: `-` for standard output.
  /// - Throws: `disk` when it cannot be written.
  public init(_ path: String) throws(ApusError) {
    self.path = path
    guard path != "-" else {
      replacement = nil
      descriptor = STDOUT_FILENO
      return
    }
    replacement = Self.target(path).map { ("\($0).partial-\(getpid())", $0) }
    descriptor = open(replacement?.temporary ?? path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw fault() }
  }

  deinit {
    guard path != "-", descriptor >= 0 else { return }
    close(descriptor)
    if let replacement { unlink(replacement.temporary) }
  }

  /// The file that a whole one may take the place of, which need not exist; nil where something is to be written into.
  public static func target(_ path: String) -> String? {
    var information = stat()
    guard lstat(path, &information) == 0 else { return path }
    guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG, let target = realpath(path, nil)
    else { return nil }
    defer { free(target) }
    return String(cString: target)
  }

  public func write(_ text: String) throws(ApusError) {
    var text = text
    if !text.withUTF8({ write(UnsafeRawBufferPointer($0)) }) { throw fault() }
  }

  public func write(_ bytes: [UInt8]) throws(ApusError) {
    if !bytes.withUnsafeBytes({ write($0) }) { throw fault() }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    }
    return true
  }

  /// Puts the file in its place: a reader sees the old one or the new one, also after a power cut.
  public func commit() throws(ApusError) {
    guard let replacement else { return }
    guard fsync(descriptor) == 0, rename(replacement.temporary, replacement.target) == 0 else { throw fault() }
    close(descriptor)
    descriptor = -1
  }

  /// Reads `errno`, so it comes before any other call.
  private func fault() -> ApusError {
    ApusError(
      .disk, "\(path == "-" ? "standard output" : path) cannot be written: \(String(cString: strerror(errno)))",
      advice: "check the directory, its permissions and the space left, or name another file")
  }
}
