import ArgumentParser
import Foundation
import Serving
import UnixSignals

/// What ends a command that waits for jobs: Ctrl-C, a terminal that is closed, whoever ends programs, and a reader of its
/// output that goes away.
enum Interruption {
  private enum End<Answer: Sendable>: Sendable {
    case answer(Answer)
    case interrupted(ExitCode)
  }

  /// Runs `body` to its end. When it is interrupted `leave` runs instead, `body` is cancelled, and the program ends as
  /// shells expect, with 128 and the signal's number; a second signal ends it at once.
  @discardableResult
  static func guarding<Answer: Sendable>(
    _ body: @escaping @Sendable () async throws -> Answer, leave: @escaping @Sendable () async -> Void
  ) async throws -> Answer {
    let (losses, lose) = AsyncStream.makeStream(of: Int32.self)
    Console.whenReaderIsLost { lose.yield($0) }
    defer { Console.whenReaderIsLost(nil) }
    let signals = trapped
    // Before the work begins: what comes until then ends the program, as it has nothing to leave yet.
    let interruptions = await UnixSignalsSequence(trapping: signals)
    return try await withThrowingTaskGroup(of: End<Answer>.self) { group in
      group.addTask { .answer(try await body()) }
      group.addTask {
        for await signal in interruptions {
          return .interrupted(ExitCode(128 + signal.rawValue))
        }
        throw CancellationError()
      }
      group.addTask {
        for await status in losses { return .interrupted(ExitCode(status)) }
        throw CancellationError()
      }
      defer { group.cancelAll() }
      switch try await group.next() {
      case .answer(let answer):
        if let status = Console.lostReader { throw ExitCode(status) }
        return answer
      case .interrupted(let status):
        for other in signals { signal(other.rawValue, SIG_DFL) }
        await leave()
        throw status
      case nil: throw ApusError(.bug, "nothing was waited for")
      }
    }
  }

  /// SIGHUP only where it would end the program: `nohup` has it ignored, so that it goes on without its terminal.
  private static var trapped: [UnixSignal] {
    var action = sigaction()
    let isIgnored =
      sigaction(SIGHUP, nil, &action) == 0
      && unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    return [.sigint, .sigterm] + (isIgnored ? [] : [.sighup])
  }
}
