import Glibc

/// How many files this process may have open; each connection is one.
enum DescriptorLimit {
  private static let most: rlim_t = 65_536
  private static let openFiles = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

  /// Makes use of what the system allows: what a shell gives is often 1024. For processes that start no others, as some
  /// programs cannot have more.
  static func raise() {
    var limit = rlimit()
    guard getrlimit(Self.openFiles, &limit) == 0, limit.rlim_cur < min(limit.rlim_max, most) else { return }
    limit.rlim_cur = min(limit.rlim_max, most)
    // Benign when it fails: fewer connections are taken at once.
    _ = setrlimit(Self.openFiles, &limit)
  }
}
