import Foundation
import History
import Serving
import TestKit
import Testing

/// A process that appends is killed with signal 9 at some moment; every append it acknowledged is there afterwards,
/// and none is there in part.
@Suite struct KilledWriterTests {
  /// Built beside the tests.
  static let writer = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("HistoryWriter").path

  @Test(arguments: [1, 40, 200])
  func acknowledgedAppendsAreThere(afterAcknowledgements count: Int) async throws {
    let directory = TemporaryFolder()
    var acknowledged: Set<Int> = []
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: Self.writer)
    process.arguments = ["append", directory.file()]
    process.standardOutput = output
    try process.run()
    var text = Data()
    while text.count(where: { $0 == UInt8(ascii: "\n") }) < count {
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { break }
      text.append(more)
    }
    kill(process.processIdentifier, SIGKILL)
    text.append(output.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL)
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      acknowledged.insert(try #require(Int(line)))
    }
    #expect(acknowledged.count >= count)

    let store = try SQLiteHistoryStore(path: directory.file())
    #expect(try await HistoryCheck.run(store) == [])
    let jobs = Set(try await store.unfinishedJobs().map { $0.id.rawValue.dropFirst() })
    let measurements = Set(
      try await store.measurements(MeasurementFilter(), includingSamples: true)
        .filter { !$0.measurement.samples.isEmpty }.map { $0.measurement.id.rawValue.dropFirst() })
    let nodes = Set(try await store.nodes().keys.map { $0.rawValue.dropFirst() })
    #expect(acknowledged.allSatisfy { jobs.contains(Substring(String($0))) }, "no acknowledged append is lost")
    #expect(jobs == measurements && jobs == nodes, "each append is there whole")
    await store.close()
  }
}
