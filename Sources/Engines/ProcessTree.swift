import Glibc

/// The processes below one process, read from /proc, and what they use.
///
/// Blocks for some tens of microseconds; /proc is memory, so it never waits on a disk. Where the kernel does not list a
/// process's children (CONFIG_PROC_CHILDREN) all processes are read, about a millisecond for each hundred of them.
struct ProcessTree: Sendable {
  /// Living descendants, children before their own children.
  let descendants: [Int32]
  private let root: Int32

  init(below root: Int32) {
    let all = Self.listsChildren ? [:] : Self.childrenOfAll()
    func children(of process: Int32) -> [Int32] {
      Self.listsChildren ? Self.listedChildren(of: process) : all[process] ?? []
    }
    var found: [Int32] = []
    var waiting = children(of: root)
    // A process number that is taken again while we read could make a ring: nothing is visited twice.
    var seen: Set<Int32> = [root]
    while let next = waiting.popLast() {
      guard seen.insert(next).inserted else { continue }
      found.append(next)
      waiting += children(of: next)
    }
    descendants = found
    self.root = root
  }

  /// CPU time of all processes that are or were below the root: the exact clocks of the living ones, and the kernel's
  /// sum (in ticks of 10 ms) of those that ended and were waited for.
  func cpuSeconds() -> Double {
    let tick = Double(sysconf(Int32(_SC_CLK_TCK)))
    var seconds = 0.0
    for process in descendants + [root] {
      if let fields = Self.fields(of: process) { seconds += Double(fields.endedChildrenTicks) / tick }
    }
    for process in descendants {
      // The process CPU clock of another process: see clock_getcpuclockid(3), which makes the same number.
      var time = timespec()
      if clock_gettime((~process << 3) | 2, &time) == 0 {
        seconds += Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
      }
    }
    return seconds
  }

  /// Sum over the living descendants of the most memory each has had resident: exact for one process, an upper bound
  /// for several.
  func peakMemoryBytes() -> Int {
    descendants.reduce(0) { $0 + Self.highWaterBytes(of: $1) }
  }

  private static func highWaterBytes(of process: Int32) -> Int {
    for line in readText("/proc/\(process)/status").split(separator: "\n") where line.hasPrefix("VmHWM:") {
      let digits = line.drop { !$0.isNumber }.prefix { $0.isNumber }
      return (Int(digits) ?? 0) << 10
    }
    return 0
  }

  private static let listsChildren = access("/proc/thread-self/children", R_OK) == 0

  /// The kernel lists children under the thread that made them.
  private static func listedChildren(of process: Int32) -> [Int32] {
    numbers(in: "/proc/\(process)/task").flatMap { thread in
      readText("/proc/\(process)/task/\(thread)/children").split(separator: " ").compactMap { Int32($0) }
    }
  }

  private static func childrenOfAll() -> [Int32: [Int32]] {
    var children: [Int32: [Int32]] = [:]
    for process in numbers(in: "/proc") {
      if let parent = fields(of: process)?.parent { children[parent, default: []].append(process) }
    }
    return children
  }

  /// The entries of a directory whose names are numbers: processes, or threads of one.
  private static func numbers(in path: String) -> [Int32] {
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

  /// Fields of /proc/PID/stat (proc_pid_stat(5)); nil when the process is gone.
  private static func fields(of process: Int32) -> (parent: Int32, endedChildrenTicks: Int)? {
    let text = readText("/proc/\(process)/stat")
    // The second field is the name, in brackets, and may hold spaces and brackets itself.
    guard let bracket = text.lastIndex(of: ")") else { return nil }
    let words = text[bracket...].split(separator: " ").dropFirst()
    let fields = Array(words)
    guard fields.count > 14, let parent = Int32(fields[1]), let user = Int(fields[13]), let system = Int(fields[14])
    else { return nil }
    return (parent, user + system)
  }

  private static func readText(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
  }
}
