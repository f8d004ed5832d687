import Glibc

/// The processes below one process, read from /proc, and what they use.
///
/// Blocks for some tens of microseconds. Where the kernel does not list a
/// process's children (CONFIG_PROC_CHILDREN) all processes are read, about a millisecond for each hundred of them.
struct ProcessTree: Sendable {
  /// Living descendants, children before their own children.
  let descendants: [Int32]
  private let root: Int32
  /// CPU time of those that had ended and were waited for.
  private let endedSeconds: Double
  /// Whether the root's own use counts: it does not where the root is the guard.
  private let countsRoot: Bool

  /// A process with all below it.
  init(of root: Int32) { self.init(root, countsRoot: true) }

  /// All below a process, without itself.
  init(below root: Int32) { self.init(root, countsRoot: false) }

  private init(_ root: Int32, countsRoot: Bool) {
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
    let endedTicks = (found + [root]).reduce(0) { $0 + (ProcFile.status(of: $1)?.endedChildrenTicks ?? 0) }
    endedSeconds = Double(endedTicks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    descendants = found
    self.root = root
    self.countsRoot = countsRoot
  }

  private var counted: [Int32] { countsRoot ? [root] + descendants : descendants }

  /// CPU time of all processes below the root: what the clocks of those seen here say now, and the kernel's sum (in ticks
  /// of 10 ms) of those that had ended then and were waited for.
  func cpuSeconds() -> Double {
    var seconds = endedSeconds
    for process in counted {
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
    counted.reduce(0) { $0 + Self.highWaterBytes(of: $1) }
  }

  private static func highWaterBytes(of process: Int32) -> Int {
    var rest = Substring(ProcFile.text("/proc/\(process)/status")).utf8
    while !rest.isEmpty, !rest.starts(with: "VmHWM:".utf8) {
      rest = rest.drop { $0 != UInt8(ascii: "\n") }.dropFirst()
    }
    let digits = rest.drop { $0 < 0x30 || $0 > 0x39 }.prefix { $0 >= 0x30 && $0 <= 0x39 }
    return (Int(Substring(digits)) ?? 0) << 10
  }

  private static let listsChildren = access("/proc/thread-self/children", R_OK) == 0

  /// The kernel lists children under the thread that made them.
  private static func listedChildren(of process: Int32) -> [Int32] {
    ProcFile.numbers(in: "/proc/\(process)/task").flatMap { thread in
      ProcFile.text("/proc/\(process)/task/\(thread)/children").split(separator: " ").compactMap { Int32($0) }
    }
  }

  private static func childrenOfAll() -> [Int32: [Int32]] {
    var children: [Int32: [Int32]] = [:]
    for process in ProcFile.numbers(in: "/proc") {
      if let parent = ProcFile.status(of: process)?.parent { children[parent, default: []].append(process) }
    }
    return children
  }
}
