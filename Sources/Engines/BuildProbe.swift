import Serving
import Synchronization

/// Starts a program in a child process to see whether it runs on this machine, and what version it is.
///
/// A build for instructions the processor lacks ends by a signal as soon as its library is loaded. So the child is
/// asked for its version, which loads every backend and computes ggml's tables. What it cannot show is a fault in one
/// kernel: a build that has one ends its trials by a signal, which is a recorded outcome like any other. A build for GPUs
/// whose driver is not there ends the same way, as its libraries are not found.
struct BuildProbe: Sendable {
  let program: String
  /// A healthy program takes a tenth of a second.
  var timeLimit = Duration.seconds(20)

  /// Why a program cannot be used here: `was ended by SIGILL (4)`.
  struct Fault: Error, Hashable {
    var reason: String
  }

  /// `llama.cpp <number> (<commit>)`.
  ///
  /// - Throws: what it did instead: it is not there, crashed, hung or said something else.
  func version() async throws(Fault) -> String {
    guard let version = try await lines(of: "--version").lazy.compactMap(Self.version(line:)).first else {
      throw Fault(reason: "says no version of llama.cpp")
    }
    return version
  }

  /// GPUs that the program can compute on, in its own words (`CUDA0`, `Vulkan1`); none where it has no code for those
  /// that are there.
  ///
  /// - Throws: as `version` does.
  func devices() async throws(Fault) -> [String] {
    try await lines(of: "--list-devices").compactMap(Self.device(line:))
  }

  /// What it writes when it is started with one option; at most 100 lines.
  private func lines(of option: String) async throws(Fault) -> [String] {
    let lines = Mutex<[String]>([])
    let keep: @Sendable (String) -> Void = { line in
      lines.withLock { if $0.count < 100 { $0.append(line) } }
    }
    let plan = ChildProcess.Plan([program, option], output: .lines(keep), error: .lines(keep))
    let child: ChildProcess
    do throws(ApusError) {
      child = try ChildProcess.spawn(plan)
    } catch {
      throw Fault(reason: error.reason)
    }
    let hung = Mutex(false)
    let timer = Task {
      try? await Task.sleep(for: timeLimit)
      guard !Task.isCancelled else { return }
      hung.withLock { $0 = true }
      child.terminate(graceSeconds: 1)
    }
    let ending = await child.end()
    timer.cancel()
    if hung.withLock({ $0 }) { throw Fault(reason: "did not answer \(option) within \(timeLimit)") }
    guard ending.isSuccess else { throw Fault(reason: "\(ending)") }
    return lines.withLock { $0 }
  }

  /// Reads `  CUDA0: NVIDIA H100 80GB HBM3 (81079 MiB, 80556 MiB free)`; other lines name no device, and one that only
  /// reaches another machine's memory (`RPC0`) is no GPU of this one.
  static func device(line: String) -> String? {
    line.firstMatch(of: #/^\s*((?:CUDA|ROCm|HIP|MUSA|SYCL|Vulkan|Metal|CANN)[0-9]+): .*MiB/#).map { String($0.1) }
  }

  /// Reads `version: 0.5.0-dev (0c1e57098)`; a build that knows no commit says `(build 0, commit unknown)`.
  static func version(line: String) -> String? {
    guard let found = line.firstMatch(of: #/version: *(\S+)(?: (\([0-9a-f]+\)))?/#) else { return nil }
    return "llama.cpp \(found.1)" + (found.2.map { " \($0)" } ?? "")
  }
}
