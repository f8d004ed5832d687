import Engines
import Foundation
import Serving

/// A process that is started for a measurement, says a line when it is ready, and ends with this one.
final class ChildService: Sendable {
  private let process: ChildProcess
  private let lines: AsyncStream<String>
  private let continuation: AsyncStream<String>.Continuation
  private let isGuarded: Bool

  /// - Parameters:
  ///   - command: executable first.
  ///   - guardPath: of `apus-engine-guard`, for a program that does not end by itself when its standard input closes.
  static func start(_ command: [String], guardPath: String? = nil) throws(ApusError) -> ChildService {
    let (lines, continuation) = AsyncStream.makeStream(of: String.self)
    var plan = ChildProcess.Plan(
      command, input: .lifeline, output: .lines { continuation.yield($0) }, error: .inherited)
    if let guardPath { plan = plan.guarded(by: guardPath) }
    let process = try ChildProcess.spawn(plan)
    return ChildService(process, lines, continuation, isGuarded: guardPath != nil)
  }

  private init(
    _ process: ChildProcess, _ lines: AsyncStream<String>, _ continuation: AsyncStream<String>.Continuation,
    isGuarded: Bool
  ) {
    self.process = process
    self.lines = lines
    self.continuation = continuation
    self.isGuarded = isGuarded
  }

  /// The program itself, not the guard it may run under.
  ///
  /// - Throws: `unavailable` when it has ended.
  func processID() throws(ApusError) -> Int32 {
    guard isGuarded else { return process.processID }
    let guardID = process.processID
    let children = try? String(contentsOfFile: "/proc/\(guardID)/task/\(guardID)/children", encoding: .utf8)
    guard let child = children?.split(separator: " ").first.flatMap({ Int32($0) }) else {
      throw ApusError(.unavailable, "a process under test has ended", advice: "its own error is printed above")
    }
    return child
  }

  /// The next line it prints.
  ///
  /// - Throws: `unavailable` when it prints none in time.
  func nextLine(within limit: Duration = .seconds(60)) async throws(ApusError) -> String {
    let line = await withTaskGroup(of: String?.self) { group in
      group.addTask { [lines] in
        var iterator = lines.makeAsyncIterator()
        return await iterator.next()
      }
      group.addTask {
        try? await Task.sleep(for: limit)
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    guard let line else {
      throw ApusError(
        .unavailable, "a process under test said nothing for \(limit)", advice: "its own error is printed above")
    }
    return line
  }

  /// Ends it and waits.
  func stop() async {
    process.terminate()
    _ = await process.end()
    continuation.finish()
  }

  /// This executable, and those that were built with it.
  static func program(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/" + name
  }
}
