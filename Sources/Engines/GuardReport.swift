/// What `apus-engine-guard` wrote to its status descriptor (Sources/EngineGuard/main.c says the lines).
struct GuardReport: Equatable, Sendable {
  enum HowItEnded: String, Sendable {
    case exited, signalled, stopped
    case outOfMemory = "out-of-memory"
  }
  struct End: Equatable, Sendable {
    var how: HowItEnded
    /// Exit status, or the signal's number.
    var code: Int32
    var peakMemoryBytes: Int
    var cpuSeconds: Double
  }

  /// The engine's own process, which leads a process group; nil until it was started.
  private(set) var engineProcessID: Int32?
  private(set) var end: End?
  /// What holds the memory limit between the guard's looks, such as `cgroup-v2`, and at how many bytes; nil without one.
  private(set) var hardLimit: HardLimit?

  struct HardLimit: Equatable, Sendable {
    var kind: String
    var bytes: Int

    /// Whether it lets allocations fail, so that an engine ends by itself.
    var makesAllocationsFail: Bool { kind == "data-limit" }
    /// Whether it has the kernel end an engine.
    var endsEngines: Bool { kind.hasPrefix("cgroup") }
  }

  /// Takes one line; a line that is not the guard's is ignored.
  mutating func take(_ line: String) {
    let words = line.split(separator: " ")
    if words.count == 2, words[0] == "engine", let number = Int32(words[1]), number > 1 {
      engineProcessID = number
    } else if words.count == 3, words[0] == "limit", let bytes = Int(words[2]) {
      hardLimit = HardLimit(kind: String(words[1]), bytes: bytes)
    } else if words.count == 5, words[0] == "end", let how = HowItEnded(rawValue: String(words[1])),
      let code = Int32(words[2]), words[3].hasPrefix("max_rss_bytes="), words[4].hasPrefix("cpu_seconds="),
      let peak = Int(words[3].dropFirst("max_rss_bytes=".count)),
      let seconds = Double(words[4].dropFirst("cpu_seconds=".count))
    {
      end = End(how: how, code: code, peakMemoryBytes: peak, cpuSeconds: seconds)
    }
  }
}
