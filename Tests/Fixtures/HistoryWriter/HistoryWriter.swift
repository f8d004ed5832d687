import Foundation
import History
import Serving
import TestKit

/// A process that writes to a history and is killed, or measures how fast it writes.
///
/// `HistoryWriter append PATH` appends from eight tasks until it is killed; after each acknowledged append it prints the
/// number of that append. `HistoryWriter figures PATH` prints what writing, and in a second run reading, costs.
@main
struct HistoryWriter {
  static func main() async throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 3 else {
      FileHandle.standardError.write(Data("usage: HistoryWriter append|figures PATH\n".utf8))
      exit(64)
    }
    let store = try SQLiteHistoryStore(path: arguments[2])
    switch arguments[1] {
    case "append": try await appendUntilKilled(store)
    case "figures": try await HistoryFigures(store: store).run()
    default: exit(64)
    }
  }

  private static func appendUntilKilled(_ store: SQLiteHistoryStore) async throws {
    try await withThrowingTaskGroup { group in
      for writer in 0..<8 {
        group.addTask {
          var examples = HistoryExamples(seed: UInt64(writer))
          var number = writer
          while true {
            // Three records that must be there together or not at all.
            let measurement = examples.measurement("m\(number)", requests: 2, tokensPerRequest: 16)
            try await store.append([
              .job(HistoryExamples.job("j\(number)", key: "k\(number)")), .measurement(measurement),
              .node(WorkerName("n\(number)"), measurement.hardware),
            ])
            FileHandle.standardOutput.write(Data("\(number)\n".utf8))
            number += 8
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
