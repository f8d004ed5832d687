import Foundation

/// Runs a small program for its output.
enum ShortCommand {
  /// Standard output of `command`; nil when it is not on PATH, fails or takes longer than the limit. Blocks the caller.
  static func output(_ command: [String], timeLimitSeconds: Double) -> String? {
    guard let executable = executable(command[0]) else { return nil }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = Array(command.dropFirst())
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    // A driver that hangs must not hang the worker's start.
    let watch = DispatchWorkItem { process.terminate() }
    DispatchQueue.global().asyncAfter(deadline: .now() + timeLimitSeconds, execute: watch)
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    watch.cancel()
    guard process.terminationStatus == 0, process.terminationReason == .exit else { return nil }
    return String(decoding: data, as: UTF8.self)
  }

  private static func executable(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
