import Foundation
import History
import Serving
import TestKit
import Testing

/// The check finds what was broken on purpose, and compaction keeps what it should.
@Suite struct HistoryCheckTests {
  let directory: TemporaryFolder

  init() throws { directory = TemporaryFolder() }

  private func fill() async throws {
    var examples = HistoryExamples(seed: 1)
    let store = try SQLiteHistoryStore(path: directory.file())
    try await store.append((0..<20).map { .measurement(examples.measurement("m\($0)")) })
    try await store.append([.job(HistoryExamples.job("j1")), .node(WorkerName("n"), HistoryExamples.hardware())])
    #expect(try await HistoryCheck.run(store) == [], "nothing is broken yet")
    await store.close()
  }

  @Test(arguments: [
    ("DELETE FROM measurements WHERE id = 'm3'", "samples"),
    ("UPDATE measurements SET hardware_row = 999 WHERE id = 'm3'", "refers to a missing row of hardware"),
    ("UPDATE samples SET timelines = x'0102' WHERE measurement_row = 4", "raw samples"),
    ("UPDATE workloads SET profile = '{}' WHERE id = 1", "Workload"),
    ("UPDATE jobs SET spec = 'nothing'", "job j1"),
    ("DROP INDEX jobs_by_time", "the schema lacks"),
    ("CREATE TABLE extra (a)", "no version made"),
  ])
  func findsDamage(sql: String, finding: String) async throws {
    try await fill()
    try directory.execute(sql, on: directory.file())
    let store = try SQLiteHistoryStore(path: directory.file())
    let findings = try await HistoryCheck.run(store)
    #expect(findings.contains { $0.contains(finding) }, "\(findings)")
    await store.close()
  }

  /// Of a file that is too broken to be opened SQLite itself says what it finds.
  @Test func brokenFile() async throws {
    try await fill()
    #expect(HistoryCheck.damage(at: directory.file()).isEmpty)
    var bytes = try #require(FileManager.default.contents(atPath: directory.file()))
    for place in 4096..<bytes.count where place % 4096 < 64 { bytes[place] = 0xA5 }
    let broken = directory.write([UInt8](bytes), as: "broken.sqlite")
    #expect(!HistoryCheck.damage(at: broken).isEmpty)
    #expect(!HistoryCheck.damage(at: directory.write(Array("no database".utf8), as: "text")).isEmpty)
  }

  @Test func compactionDropsOldSamplesOnly() async throws {
    let day: Int64 = 86_400_000
    var examples = HistoryExamples(seed: 2)
    let store = try SQLiteHistoryStore(path: directory.file())
    var measurements: [Measurement] = []
    for age in 0..<100 {
      var measurement = examples.measurement("m\(age)")
      measurement.startedAtMS = day * (1_000 - Int64(age))
      measurements.append(measurement)
    }
    try await store.append(measurements.map { .measurement($0) })
    let before = try await store.stats().databaseBytes
    try await store.compact(droppingSamplesOlderThanDays: 10, nowMS: day * 1_000)
    let after = try await store.stats().databaseBytes
    #expect(after < before / 2, "\(after) of \(before) bytes")
    let kept = try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement)
    for (age, (kept, original)) in zip(kept, measurements).enumerated() {
      #expect(kept.samples == (age <= 10 ? original.samples : []), "\(age) days old")
      #expect(kept.outcome == original.outcome)
    }
    #expect(kept.count == 100)
    #expect(try await HistoryCheck.run(store) == [])
    let error = await refusal { () throws(ApusError) in
      try await store.compact(droppingSamplesOlderThanDays: -1)
    }
    #expect(error?.code == .badInput)
    await store.close()
  }
}
