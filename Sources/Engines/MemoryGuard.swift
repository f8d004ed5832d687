/// How an engine's memory limit is held in the moments between the guard's looks (Sources/EngineGuard/hard_limit.h).
public enum MemoryGuard: String, Hashable, Codable, Sendable, CaseIterable {
  /// The best that may be had: a control group, else a limit on the process's data.
  case auto
  /// A control group; a limit on data where none may be made.
  case cgroup
  /// `RLIMIT_DATA`: for each process on its own.
  case data
  /// None: the guard's looks alone. For an engine that reserves far more memory than it touches.
  case watch
}
