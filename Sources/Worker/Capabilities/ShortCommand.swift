import Engines
import Synchronization

/// Runs a small program for its output.
enum ShortCommand {
  /// Standard output of `command`; nil when it is not on PATH, fails or takes longer than the limit: a driver that hangs
  /// must not hang the worker's start.
  static func output(_ command: [String], timeLimit: Duration) async -> String? {
    let lines = Mutex<[String]>([])
    let plan = ChildProcess.Plan(
      command, output: .lines { line in lines.withLock { $0.append(line) } }, error: .discarded)
    guard let child = try? ChildProcess.spawn(plan) else { return nil }
    let watch = Task {
      try await Task.sleep(for: timeLimit)
      child.terminate(graceSeconds: 1)
    }
    let ending = await child.end()
    watch.cancel()
    return ending.isSuccess ? lines.withLock { $0.map { $0 + "\n" }.joined() } : nil
  }
}
