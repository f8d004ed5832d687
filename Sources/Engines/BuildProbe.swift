import Serving
import Synchronization

/// Starts a program in a child process to see whether it runs on this machine, and what version it is.
///
/// A build for instructions the processor lacks ends by a signal as soon as its library is loaded. So the child is
/// asked for its version, which loads every backend and computes ggml's tables. What it cannot show is a fault in one
/// kernel: a build that has one ends its trials by a signal, which is a recorded outcome like any other.
struct BuildProbe: Sendable {
  let program: String
  /// A healthy program takes a tenth of a second.
  static let timeLimit = Duration.seconds(20)

  /// `llama.cpp <number> (<commit>)`; nil when the program is not there, crashes, hangs or says something else.
  func version() async -> String? {
    let lines = Mutex<[String]>([])
    let keep: @Sendable (String) -> Void = { line in
      lines.withLock { if $0.count < 100 { $0.append(line) } }
    }
    let plan = ChildProcess.Plan([program, "--version"], output: .lines(keep), error: .lines(keep))
    guard let child = try? ChildProcess.spawn(plan) else { return nil }
    let timer = Task {
      try? await Task.sleep(for: Self.timeLimit)
      if !Task.isCancelled { child.terminate(graceSeconds: 1) }
    }
    let ending = await child.end()
    timer.cancel()
    guard ending.isSuccess else { return nil }
    return lines.withLock { $0.lazy.compactMap(Self.version(line:)).first }
  }

  /// Reads `version: 0.5.0-dev (0c1e57098)` and the like.
  static func version(line: String) -> String? {
    guard let start = line.firstRange(of: "version:")?.upperBound else { return nil }
    let words = line[start...].split(separator: " ")
    guard let first = words.first else { return nil }
    return "llama.cpp \(first)" + (words.count > 1 && words[1].hasPrefix("(") ? " \(words[1])" : "")
  }
}
