import ArgumentParser
import Foundation
import UnixSignals

/// What Ctrl-C does to a command that waits for jobs.
enum Interruption {
  /// 128 + SIGINT, as shells expect.
  static let status = ExitCode(130)

  /// Runs `body` to its end. At SIGINT `leave` runs instead, `body` is cancelled, and the program ends with 130; a second
  /// SIGINT ends it at once.
  @discardableResult
  static func guarding<Answer: Sendable>(
    _ body: @escaping @Sendable () async throws -> Answer, leave: @escaping @Sendable () async -> Void
  ) async throws -> Answer {
    try await withThrowingTaskGroup(of: Answer?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sigint) { return nil }
        try Task.checkCancellation()
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let answer = first else {
        signal(SIGINT, SIG_DFL)
        await leave()
        throw status
      }
      return answer
    }
  }
}
