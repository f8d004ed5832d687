import Glibc
import Serving

/// One-line files of a key directory, written so that a reader sees the old text or the new, never half of one.
enum KeyFile {
  /// No key file is longer; a longer one is not read.
  private static let mostBytes = 4096

  /// The text without its line end; nil when there is no such file.
  static func read(_ path: String) throws(ApusError) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failure("cannot read \(path)")
    }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: mostBytes)
    let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
    guard count >= 0 else { throw failure("cannot read \(path)") }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return String(text.prefix { !$0.isNewline })
  }

  /// Writes a temporary file beside `path`, makes it durable and puts it in its place.
  static func write(_ text: String, to path: String, mode: mode_t) throws(ApusError) {
    let temporary = "\(path).\(getpid())-\(UInt64.random(in: 0...UInt64.max)).tmp"
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard file >= 0 else { throw failure("cannot write \(path)") }
    let line = Array((text + "\n").utf8)
    let isWritten = line.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == line.count
    guard isWritten, fsync(file) == 0, rename(temporary, path) == 0 else {
      let error = failure("cannot write \(path)")
      close(file)
      unlink(temporary)
      throw error
    }
    close(file)
    let directory = open(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]), O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  /// Makes a directory, and those above it, that only its owner can enter.
  static func makeDirectory(_ path: String) throws(ApusError) {
    var prefix = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      prefix += part
      if mkdir(prefix, 0o700) != 0 && errno != EEXIST { throw failure("cannot make the directory \(prefix)") }
      prefix += "/"
    }
  }

  /// - Returns: false when there was no such file.
  static func remove(_ path: String) throws(ApusError) -> Bool {
    if unlink(path) == 0 { return true }
    if errno == ENOENT || errno == ENOTDIR { return false }
    throw failure("cannot remove \(path)")
  }

  /// Names in a directory, sorted; empty when there is none.
  static func names(in directory: String) throws(ApusError) -> [String] {
    guard let stream = opendir(directory) else {
      if errno == ENOENT { return [] }
      throw failure("cannot list \(directory)")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      names.append(name)
    }
    return names.sorted()
  }

  private static func failure(_ what: String) -> ApusError {
    let code = errno
    return ApusError(
      .disk, "\(what): \(String(cString: strerror(code)))",
      advice: code == EACCES || code == EPERM ? "run as the user who owns the key directory" : "")
  }
}
