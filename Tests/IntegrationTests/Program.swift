import Engines
import Foundation

/// The real binary, run as a user runs it.
enum Program {
  /// Where the test runner itself was built: the programs lie beside it.
  static let directory: String = {
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return (runner as NSString).deletingLastPathComponent
  }()

  static var path: String { directory + "/apus" }

  struct Output: CustomStringConvertible {
    var status: Int32
    var standardOutput: String
    var standardError: String

    var json: [String: Any]? {
      (try? JSONSerialization.jsonObject(with: Data(standardOutput.utf8))) as? [String: Any]
    }

    var description: String { "status \(status)\n--- out\n\(standardOutput)\n--- err\n\(standardError)" }
  }

  /// Runs `apus ARGUMENTS` to its end.
  static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Output {
    try await RunningProgram(arguments, environment: environment).output()
  }

  /// The engine made by `Deploy/engines/llamacpp/install` in the checkout's `.apus`, or where APUS_STATE says; nil
  /// when it is not installed.
  static let engineDirectory: String? = {
    let state =
      ProcessInfo.processInfo.environment["APUS_STATE"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path + "/.apus"
    let engines = state + "/engines"
    return FileManager.default.isExecutableFile(atPath: engines + "/llamacpp/bin/python") ? engines : nil
  }()
}

/// A started `apus`, whose output goes to files that can be read while it runs.
///
/// Started as the product starts its own children: nothing of the test's descriptors is inherited, so a service that
/// goes on never keeps the test from seeing another program's end.
final class RunningProgram: Sendable {
  private let child: ChildProcess
  private let files: String

  init(_ arguments: [String], environment: [String: String] = [:]) throws {
    files = FileManager.default.temporaryDirectory.path + "/apus-output-\(UUID().uuidString)"
    child = try ChildProcess.spawn(
      ChildProcess.Plan(
        [Program.path] + arguments, environment: environment, output: .file(files + ".out"),
        error: .file(files + ".err")))
  }

  /// A line for `sh`, in place of `apus`.
  init(shell line: String) throws {
    files = FileManager.default.temporaryDirectory.path + "/apus-output-\(UUID().uuidString)"
    child = try ChildProcess.spawn(
      ChildProcess.Plan(["/bin/sh", "-c", line], output: .file(files + ".out"), error: .file(files + ".err")))
  }

  deinit {
    for ending in [".out", ".err"] { try? FileManager.default.removeItem(atPath: files + ending) }
  }

  var processID: Int32 { child.processID }
  var isRunning: Bool { child.ending == nil }

  /// What it has written so far.
  var standardOutput: String { text(".out") }
  var standardError: String { text(".err") }

  private func text(_ ending: String) -> String {
    String(decoding: FileManager.default.contents(atPath: files + ending) ?? Data(), as: UTF8.self)
  }

  func signal(_ number: Int32) { child.send(signal: number) }

  /// Waits for its end. The status of a program that a signal ended is 128 and the signal's number.
  func output() async -> Program.Output {
    let status: Int32 =
      switch await child.end() {
      case .exited(let status): status
      case .signalled(let signal): 128 + signal
      }
    return Program.Output(status: status, standardOutput: standardOutput, standardError: standardError)
  }
}
