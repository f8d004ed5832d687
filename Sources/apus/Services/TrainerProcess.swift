import Coordinator
import Engines
import Foundation
import Serving

/// Trains in a child process, so that a training can neither slow nor end the coordinator.
struct TrainerProcess: ModelTraining {
  let state: StateDirectory
  let guardPath: String

  /// - Returns: the path of the new model file.
  func train() async throws(ApusError) -> String {
    let target = state.selector + ".new"
    let log = state.logs + "/training.log"
    let plan = ChildProcess.Plan(
      [ThisProgram.path, "selector", "train", "--state", state.path, "--into", target],
      // libgomp reads its variables when it is loaded, so they are set before the program starts.
      environment: ["OMP_WAIT_POLICY": "passive"], output: .file(log), error: .file(log)
    ).guarded(by: guardPath)
    let ending = await (try ChildProcess.spawn(plan)).end()
    guard ending.isSuccess else {
      let lines = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      let last = lines.split(separator: "\n").suffix(2).joined(separator: " ")
      throw ApusError(.unavailable, "the training \(ending): \(last)", advice: "see \(log)")
    }
    return target
  }
}

/// This program's own file, to start more of itself.
enum ThisProgram {
  static var path: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
  }
}
