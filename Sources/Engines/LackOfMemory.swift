/// Tells from an engine's last words that an allocation failed.
///
/// Needed where a limit makes allocations fail: the engine then ends in its own way, with a status that says nothing.
enum LackOfMemory {
  /// What C, C++, Python, ggml and PyTorch say, in lower case.
  private static let words = [
    "cannot allocate memory", "bad_alloc", "memoryerror", "out of memory", "failed to allocate", "unable to allocate",
    "not enough memory", "can't allocate memory",
  ]

  static func isNamed(in log: String) -> Bool {
    let log = log.lowercased()
    return words.contains { log.contains($0) }
  }
}
