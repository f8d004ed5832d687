/// The memory a process may use: what the machine has, or its control group's limit where that is smaller.
enum MemorySize {
  /// `MemTotal` of `/proc/meminfo` in bytes; nil when it does not say.
  static func total(meminfo: String) -> Int? {
    for line in meminfo.split(separator: "\n") where line.hasPrefix("MemTotal:") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      guard words.count >= 2, let kibibytes = Int(words[1]), kibibytes > 0 else { return nil }
      return kibibytes.multipliedReportingOverflow(by: 1024).overflow ? nil : kibibytes * 1024
    }
    return nil
  }

  /// The files that may hold a limit for a process whose `/proc/self/cgroup` is `cgroup`: its own group and every group
  /// above it, version 2 (`0::/path`) and version 1 (`4:memory:/path`). In a container the groups above its own are
  /// not mounted; the mount point itself then is its group.
  static func limitFiles(cgroup: String) -> [String] {
    var files: [String] = []
    for line in cgroup.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let (root, file): (String, String)
      if fields[0] == "0", fields[1].isEmpty {
        (root, file) = ("/sys/fs/cgroup", "memory.max")
      } else if fields[1].split(separator: ",").contains("memory") {
        (root, file) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
      } else {
        continue
      }
      var path = fields[2].split(separator: "/").filter { $0 != ".." }
      while true {
        files.append(([root] + path.map(String.init) + [file]).joined(separator: "/"))
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    return files
  }

  /// The smallest of the machine's memory and the limits.
  ///
  /// - Parameter limits: contents of the limit files; `max`, empty and unreadable ones are no limit, and neither is
  ///   version 1's "unlimited", a number near 2^63, because it is above the total.
  static func usable(total: Int, limits: [String]) -> Int {
    limits.compactMap { Int($0[...].trimmingSpaces) }.filter { $0 > 0 }.reduce(total, min)
  }
}
