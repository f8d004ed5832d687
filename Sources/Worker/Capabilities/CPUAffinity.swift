import Foundation
public import Serving

/// The cores this process may run on. What a process may use its children may use, so pinning the worker pins its engines.
public enum CPUAffinity {
  /// Cores the calling thread may use; every configured one when the kernel does not say.
  public static func current() -> CPUList {
    let status = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
    return allowedCores(status: status) ?? CPUList(0..<max(1, ProcessInfo.processInfo.processorCount))
  }

  /// `Cpus_allowed_list` of a `/proc/<pid>/status`; nil without such a line.
  static func allowedCores(status: String) -> CPUList? {
    for line in status.split(separator: "\n") where line.hasPrefix("Cpus_allowed_list:") {
      guard let list = CPUList(parsing: String(line.dropFirst("Cpus_allowed_list:".count))), !list.isEmpty else {
        return nil
      }
      return list
    }
    return nil
  }

  /// Keeps every thread this process has, and all it will make, to `cores`.
  ///
  /// - Throws: `usage` when a core is not there or not allowed.
  public static func pinProcess(to cores: CPUList) throws(ApusError) {
    let allowed = current()
    let absent = CPUList(Set(cores.cores).subtracting(allowed.cores))
    guard !cores.isEmpty, absent.isEmpty else {
      throw ApusError(
        .usage, cores.isEmpty ? "no core to run on" : "core \(absent) is not usable; this process may use \(allowed)",
        advice: "name cores out of \(allowed) in the worker's option `cores`")
    }
    // A thread made between two listings inherits from a thread that is pinned already or shows up in the next one.
    var pinned: Set<Int32> = []
    while true {
      let threads = Set(
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []).compactMap { Int32($0) })
      let fresh = threads.subtracting(pinned)
      if fresh.isEmpty { return }
      for thread in fresh {
        let failure = pinThread(thread, to: cores)
        // A thread that ended since it was listed needs no pinning.
        guard failure == 0 || failure == ESRCH else {
          throw ApusError(
            .unavailable, "cannot pin this process to core \(cores): \(String(cString: strerror(failure)))",
            advice: "start the worker without `cores`, or under `taskset -c \(cores)`")
        }
      }
      pinned.formUnion(fresh)
    }
  }

  /// Keeps one thread to `cores`; 0 is the calling thread. Gives the error number, 0 when it worked.
  static func pinThread(_ thread: Int32, to cores: CPUList) -> Int32 {
    typealias SetAffinity = @convention(c) (Int32, Int, UnsafePointer<UInt8>) -> Int32
    // Swift's Glibc module leaves out GNU extensions such as sched_setaffinity, so it is looked up by name.
    guard let symbol = dlsym(nil, "sched_setaffinity") else { return ENOSYS }
    let setAffinity = unsafeBitCast(symbol, to: SetAffinity.self)
    var mask = [UInt8](repeating: 0, count: CPUList.limit / 8)
    for core in cores.cores { mask[core / 8] |= 1 << (core % 8) }
    return setAffinity(thread, mask.count, mask) == 0 ? 0 : errno
  }
}
