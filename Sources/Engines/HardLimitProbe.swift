public import Serving
import Synchronization

/// What holds an engine's memory limit on this machine, found out by having the guard hold `true`.
public enum HardLimitProbe {
  /// - Returns: words such as `held by cgroup-v2`.
  /// - Throws: `unavailable` when the guard cannot be run, or nothing but its looks would hold the limit.
  public static func look(guardPath: String) async throws(ApusError) -> String {
    let found = Mutex<String?>(nil)
    let child = try ChildProcess.spawn(
      ChildProcess.Plan(
        [guardPath, "--status-fd", "3", "--memory-limit", String(1 << 30), "--", "true"], input: .lifeline,
        output: .discarded, error: .discarded,
        status: { line in
          let words = line.split(separator: " ")
          if words.count == 3, words[0] == "limit" { found.withLock { $0 = String(words[1]) } }
        }))
    let ending = await child.end()
    switch found.withLock({ $0 }) {
    case nil: throw ApusError(.unavailable, "the guard \(guardPath) \(ending)")
    case "watched"?: throw ApusError(.unavailable, "nothing holds an engine's memory between two looks at it")
    case "data-limit"?:
      throw ApusError(.unavailable, "no control group may be made: each process of an engine has a limit on its data")
    case let kind?: return "held by \(kind)"
    }
  }
}
