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
    try await store.append([
      .job(HistoryExamples.job("j1")), .node(WorkerName("n"), HistoryExamples.hardware(77)),
      .model(HistoryExamples.model(77)), .placement(HistoryExamples.placement("p")),
    ])
    await store.close()
    return measurements
  }

  /// A table's page with a measurement's row in it: where it is in the file, and the measurements in it.
  private func page(_ id: String, _ measurements: [Measurement], _ bytes: [UInt8]) throws -> (start: Int, ids: [String])
  {
    // A leaf of a table's tree begins with 13 (SQLite's file format, section 1.6).
    let start = try #require(
      stride(from: 4096, to: bytes.count, by: 4096).first { start in
        bytes[start] == 13 && Data(bytes[start..<start + 4096]).range(of: Data(id.utf8)) != nil
      })
    let content = Data(bytes[start..<start + 4096])
    return (start, measurements.map(\.id.rawValue).filter { content.range(of: Data($0.utf8)) != nil })
  }

  private var bytes: [UInt8] {
    get throws { [UInt8](try #require(FileManager.default.contents(atPath: directory.file()))) }
  }

  /// Recovers, and asks of the copy what holds of every one.
  ///
  /// - Returns: its measurements, and what was said of each table.
  private func recovered() async throws -> (measurements: [Measurement], kept: [String: HistoryRecovery.Kept]) {
    let before = FileManager.default.contents(atPath: directory.file())
    let copy = directory.file("copy.sqlite")
    let kept = try await HistoryRecovery.run(from: directory.file(), to: copy)
    #expect(FileManager.default.contents(atPath: directory.file()) == before, "the damaged file stays as it is")
    let store = try SQLiteHistoryStore(path: copy)
    #expect(try await HistoryCheck.run(store) == [])
    let read = try await store.measurements(MeasurementFilter(limit: 10_000), includingSamples: true).map(\.measurement)
    let tables = Dictionary(uniqueKeysWithValues: kept.map { ($0.table, $0) })
    #expect(tables["measurements"]?.rowCount == read.count)
    // What a coordinator reads when it starts.
    _ = (try await store.models(), try await store.nodes(), try await store.placements(model: nil))
    #expect(try await store.jobs(of: nil, state: nil, limit: 100).count == tables["jobs"]?.rowCount)
    await store.close()
    return (read, tables)
  }

  @Test(arguments: [[], [1150], [1000], [1299], [1000, 1299], [1100, 1150, 1250, 1299]])
  func readsOnBehindBadPages(damaged: [Int]) async throws {
    let measurements = try await fill(300)
    var bytes = try bytes
    var lost: Set<String> = []
    for number in damaged {
      let page = try page("measurement-\(number)", measurements, bytes)
      lost.formUnion(page.ids)
      bytes.replaceSubrange(page.start..<page.start + 64, with: repeatElement(0xA5, count: 64))
    }
    directory.write(bytes, as: "history.sqlite")
    #expect(lost.count >= damaged.count && lost.count < 100)
    let (read, tables) = try await recovered()
    #expect(read == measurements.filter { !lost.contains($0.id.rawValue) })
    let table = try #require(tables["measurements"])
    #expect(table.isDamaged == !damaged.isEmpty && table.droppedCount == 0)
    // Those after the last one that was found may never have been.
    let last = measurements.lastIndex { !lost.contains($0.id.rawValue) }
    #expect(table.missingCount == measurements[..<(last ?? 0)].count { lost.contains($0.id.rawValue) })
  }

  /// Pages that look whole, with rows whose ids are nonsense: none of the other pages' rows may go with them.
  @Test(arguments: [1000, 1150, 1299], [0x00, 0xA5, 0xFF] as [UInt8])
  func nonsenseInAPage(number: Int, byte: UInt8) async throws {
    let measurements = try await fill(300)
    for part in [0.0, 0.5] {
      var bytes = try bytes
      let page = try page("measurement-\(number)", measurements, bytes)
      // The rows are at the page's end, the newest first.
      let content = page.start + Int(bytes[page.start + 5]) << 8 + Int(bytes[page.start + 6])
      let begin = part == 0 ? content : (content + page.start + 4096) / 2
      let end = part == 0 ? content + 16 : page.start + 4096
      bytes.replaceSubrange(begin..<end, with: repeatElement(byte, count: end - begin))
      directory.write(bytes, as: "history.sqlite")
      try? FileManager.default.removeItem(atPath: directory.file("copy.sqlite"))
      let read = Set(try await recovered().measurements.map(\.id.rawValue))
      let lost = measurements.map(\.id.rawValue).filter { !read.contains($0) }
      #expect(Set(lost).isSubset(of: page.ids) && !lost.isEmpty, "\(lost) of \(page.ids)")
    }
  }

  /// What SQLite reads and means nothing goes, with what refers to it, and no more.
  @Test(
    arguments: [
      ("UPDATE measurements SET hardware_row = 999 WHERE row = 4", [3], "measurements"),
      ("UPDATE measurements SET wall_seconds = -1 WHERE row = 4", [3], "measurements"),
      ("DELETE FROM measurements WHERE row = 4", [3], "samples"),
      ("UPDATE workloads SET profile = '{}'", Array(0..<20), "workloads"),
      ("UPDATE model_profiles SET profile = '{}' WHERE id IN (SELECT model_profile_row FROM models)", [], "models"),
      ("UPDATE hardware SET profile = '{}' WHERE id IN (SELECT hardware_row FROM nodes)", [], "nodes"),
      ("UPDATE placements SET measurement = '{}'", [], "placements"),
      ("UPDATE jobs SET spec = 'nothing'", [], "jobs"),
      ("DELETE FROM grdb_migrations WHERE rowid > 3", [], nil),
    ] as [(String, [Int], String?)])
  func dropsWhatMeansNothing(sql: String, lost: [Int], table: String?) async throws {
    let measurements = try await fill(20)
    try directory.execute(sql, on: directory.file())
    let (read, tables) = try await recovered()
    #expect(read == measurements.indices.filter { !lost.contains($0) }.map { measurements[$0] })
    if let table { #expect(tables[table]?.droppedCount ?? 0 > 0, "\(tables)") }
    #expect(tables.values.allSatisfy { !$0.isDamaged })
  }

  /// The metrics of a measurement stand without its raw samples.
  @Test func dropsSamplesAlone() async throws {
    var measurements = try await fill(20)
    try directory.execute("UPDATE samples SET timelines = x'0102' WHERE measurement_row = 4", on: directory.file())
    let (read, tables) = try await recovered()
    measurements[3].samples = []
    #expect(read == measurements && tables["samples"]?.droppedCount == 1)
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
