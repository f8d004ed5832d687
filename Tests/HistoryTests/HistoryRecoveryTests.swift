import Foundation
import History
import Serving
import TestKit
import Testing

/// What is readable of a damaged history is in the copy, unchanged, and nothing else is.
@Suite struct HistoryRecoveryTests {
  let directory = TemporaryFolder()

  private func fill(_ count: Int) async throws -> [Measurement] {
    var examples = HistoryExamples(seed: 3)
    let measurements = (0..<count).map { examples.measurement("measurement-\($0 + 1000)") }
    let store = try SQLiteHistoryStore(path: directory.file())
    try await store.append(measurements.map { .measurement($0) })
    try await store.append([.job(HistoryExamples.job("j1")), .node(WorkerName("n"), HistoryExamples.hardware())])
    await store.close()
    return measurements
  }

  /// Overwrites the page that holds a measurement's row, and gives the measurements that were in it.
  private func damage(_ id: String, _ measurements: [Measurement]) throws -> Set<String> {
    var bytes = [UInt8](try #require(FileManager.default.contents(atPath: directory.file())))
    // A leaf of a table's tree begins with 13 (SQLite's file format, section 1.6).
    let page = try #require(
      stride(from: 4096, to: bytes.count, by: 4096).first { start in
        bytes[start] == 13 && Data(bytes[start..<start + 4096]).range(of: Data(id.utf8)) != nil
      })
    let content = Data(bytes[page..<page + 4096])
    let lost = Set(measurements.map(\.id.rawValue).filter { content.range(of: Data($0.utf8)) != nil })
    for place in page..<page + 64 { bytes[place] = 0xA5 }
    directory.write(bytes, as: "history.sqlite")
    return lost
  }

  private func recovered(lost: Set<String>, of measurements: [Measurement]) async throws {
    let before = FileManager.default.contents(atPath: directory.file())
    let copy = directory.file("copy.sqlite")
    let kept = try await HistoryRecovery.run(from: directory.file(), to: copy)
    #expect(FileManager.default.contents(atPath: directory.file()) == before, "the damaged file stays as it is")
    let store = try SQLiteHistoryStore(path: copy)
    let read = try await store.measurements(MeasurementFilter(limit: 10_000), includingSamples: true).map(\.measurement)
    #expect(read == measurements.filter { !lost.contains($0.id.rawValue) })
    #expect(try await HistoryCheck.run(store) == [])
    #expect(try await store.job(JobID("j1")) != nil)
    #expect(kept.first { $0.table == "measurements" }?.rowCount == read.count)
    await store.close()
  }

  @Test(arguments: [[], [1150], [1000], [1299], [1000, 1299], [1100, 1150, 1250, 1299]])
  func keepsWhatCanBeRead(damaged: [Int]) async throws {
    let measurements = try await fill(300)
    var lost: Set<String> = []
    for number in damaged { lost.formUnion(try damage("measurement-\(number)", measurements)) }
    #expect(lost.count >= damaged.count && lost.count < 100)
    try await recovered(lost: lost, of: measurements)
  }

  /// What SQLite reads and means nothing goes, with what refers to it.
  @Test(arguments: [
    ("UPDATE samples SET timelines = x'0102' WHERE measurement_row = 4", 1),
    ("UPDATE measurements SET hardware_row = 999 WHERE row = 4", 1),
    ("DELETE FROM measurements WHERE row = 4", 1),
    (
      "INSERT INTO jobs SELECT 77, 'j2', client, NULL, model_id, state, submitted_at_ms, finished_at_ms, worker, measurement_id, attempt_count, 'nothing', configuration, predicted, failure, output, is_exploration, finish_reason, tool_calls, tenant FROM jobs",
      0
    ),
  ])
  func dropsWhatMeansNothing(sql: String, lostCount: Int) async throws {
    let measurements = try await fill(20)
    try directory.execute(sql, on: directory.file())
    try await recovered(lost: lostCount == 0 ? [] : [measurements[3].id.rawValue], of: measurements)
  }

  @Test func refuses() async throws {
    _ = try await fill(3)
    let taken = directory.write(Array("a".utf8), as: "taken")
    let existing = await refusal { () throws(ApusError) in
      _ = try await HistoryRecovery.run(from: directory.file(), to: taken)
    }
    #expect(existing?.code == .badInput && existing?.reason.contains("there is a file") == true)
    let broken = directory.write([UInt8](repeating: 0xA5, count: 8192), as: "broken.sqlite")
    let copy = directory.file("copy.sqlite")
    let hopeless = await refusal { () throws(ApusError) in _ = try await HistoryRecovery.run(from: broken, to: copy) }
    #expect(hopeless?.code == .badInput && hopeless?.reason.contains("nothing of the history") == true)
    #expect(!FileManager.default.fileExists(atPath: copy))
  }
}
