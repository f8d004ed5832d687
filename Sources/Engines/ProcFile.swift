import Glibc

/// Small files of /proc. It is memory, so reading never waits on a disk; a process that is gone has empty ones.
enum ProcFile {
  /// What `stat` says of a process (proc_pid_stat(5)).
  struct Status {
    var parent: Int32
    /// CPU time of children that ended and were waited for.
    var endedChildrenTicks: Int
    /// When it started, since the machine did.
    var startTicks: Int
  }

  static func status(of process: Int32) -> Status? {
    let text = text("/proc/\(process)/stat").utf8
    // The second field is the name, in brackets, and may hold spaces and brackets itself.
    guard let bracket = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    // Bytes, as to look for characters takes ten times as long.
    let fields = text[bracket...].split(separator: UInt8(ascii: " "), maxSplits: 21).dropFirst().map { Substring($0) }
    guard fields.count > 19, let parent = Int32(fields[1]), let user = Int(fields[13]), let system = Int(fields[14]),
      let start = Int(fields[19])
    else { return nil }
    return Status(parent: parent, endedChildrenTicks: user + system, startTicks: start)
  }

  /// The program's name, at most 15 bytes of it.
  static func name(of process: Int32) -> String {
    String(text("/proc/\(process)/comm").prefix { $0 != "\n" })
  }

  /// The entries of a directory whose names are numbers: processes, threads of one, or its descriptors.
  static func numbers(in path: String) -> [Int32] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var numbers: [Int32] = []
    while let entry = readdir(directory) {
      // The name is a tuple in Swift; its first byte's address is the C string.
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if let number = Int32(name) { numbers.append(number) }
    }
    return numbers
  }

  /// Where a symbolic link leads; empty when it cannot be read.
  static func link(_ path: String) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      let count = readlink(path, buffer.baseAddress!, buffer.count)
      return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }

  static func text(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    // Tables such as net/tcp come in several pieces.
    while case let count = read(descriptor, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
    return String(decoding: text, as: UTF8.self)
  }
}
