import Foundation
import Synchronization

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
    let process = RunningProgram(arguments, environment: environment)
    try process.start()
    return await process.output()
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

/// A started `apus`, whose output is collected while it runs.
final class RunningProgram: @unchecked Sendable {
  // `process` is set up before it starts and only signalled afterwards; the texts are behind a lock.
  private let process = Process()
  private let texts = Mutex<(out: Data, error: Data)>((Data(), Data()))
  private let out = Pipe()
  private let error = Pipe()

  init(_ arguments: [String], environment: [String: String] = [:]) {
    process.executableURL = URL(fileURLWithPath: Program.path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
    process.standardOutput = out
    process.standardError = error
    process.standardInput = FileHandle.nullDevice
  }

  func start() throws {
    out.fileHandleForReading.readabilityHandler = { [self] handle in
      let data = handle.availableData
      texts.withLock { $0.out += data }
    }
    error.fileHandleForReading.readabilityHandler = { [self] handle in
      let data = handle.availableData
      texts.withLock { $0.error += data }
    }
    try process.run()
  }

  var processID: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// What it has written so far.
  var standardOutput: String { texts.withLock { String(decoding: $0.out, as: UTF8.self) } }
  var standardError: String { texts.withLock { String(decoding: $0.error, as: UTF8.self) } }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits for the end on a thread of its own.
  func output() async -> Program.Output {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [self] in
        process.waitUntilExit()
        out.fileHandleForReading.readabilityHandler = nil
        error.fileHandleForReading.readabilityHandler = nil
        let restOut = out.fileHandleForReading.availableData
        let restError = error.fileHandleForReading.availableData
        let all = texts.withLock { texts in
          texts.out += restOut
          texts.error += restError
          return texts
        }
        continuation.resume(
          returning: Program.Output(
            status: process.terminationStatus, standardOutput: String(decoding: all.out, as: UTF8.self),
            standardError: String(decoding: all.error, as: UTF8.self)))
      }
    }
  }
}
