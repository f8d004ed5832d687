import Foundation
import History
import Serving

/// Foundation has a type of this name, too.
typealias Measurement = Serving.Measurement

/// A directory for one test, removed with it.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "apus-history-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String = "history.sqlite") -> String { path + "/" + name }

  /// Runs Debian's `sqlite3` on a file, to do what no store of ours would.
  func sqlite3(_ file: String, _ sql: String) throws -> String {
    try Command.run("/usr/bin/sqlite3", [file, sql])
  }
}

enum Command {
  struct Failed: Error { var status: Int32 }

  static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(status: process.terminationStatus) }
    return text
  }
}

/// The error `body` throws; nil when it throws none.
func refusal(_ body: () async throws(ApusError) -> Void) async -> ApusError? {
  do {
    try await body()
    return nil
  } catch {
    return error
  }
}
