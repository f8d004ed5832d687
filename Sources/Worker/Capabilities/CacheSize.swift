/// The size of the last-level caches, so that a bandwidth measurement can read far past them.
enum CacheSize {
  /// One cache as `/sys/devices/system/cpu/cpuN/cache/indexM` shows it.
  struct Entry: Hashable {
    var level: Int
    var bytes: Int
    /// The processors that share it, as the kernel writes them: caches with equal lists are one cache.
    var sharedBy: String
  }

  /// Reads `32768K`, `1M` or `512`; nil for anything else.
  static func bytes(_ text: String) -> Int? {
    let text = text[...].trimmingSpaces
    let scale = text.hasSuffix("K") ? 1 << 10 : text.hasSuffix("M") ? 1 << 20 : text.hasSuffix("G") ? 1 << 30 : 1
    guard let number = Int(scale == 1 ? text[...] : text.dropLast()), number > 0, number < 1 << 30 else { return nil }
    return number * scale
  }

  /// Bytes of all caches of the highest level among `entries`, each counted once; 0 when there are none.
  static func lastLevelBytes(_ entries: [Entry]) -> Int {
    guard let level = entries.map(\.level).max() else { return 0 }
    return Set(entries.filter { $0.level == level }).reduce(0) { $0 + $1.bytes }
  }
}
