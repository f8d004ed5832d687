import Foundation
import History
import Serving
import TestKit

/// Measures a store: run it twice on a new file, in a release build on a quiet machine. The first run measures writing and
/// leaves 100,000 measurements, the second one, in a process that wrote nothing, reading.
struct HistoryFigures {
  let store: SQLiteHistoryStore

  func run() async throws {
    if try await store.stats().measurementCount < 100_000 {
      try await write()
      print("run it again on the same file for what reading costs")
    } else {
      try await read()
    }
    await store.close()
  }

  private func write() async throws {
    var examples = HistoryExamples(seed: 42)
    func made(_ count: Int, requests: Int) -> [HistoryRecord] {
      (0..<count).map { _ in .measurement(examples.measurement(requests: requests)) }
    }
    let single = made(2_000, requests: 8)
    try await timed("append one by one, 8 x 64 tokens of samples each", rows: single.count) {
      for record in single { try await store.append([record]) }
    }
    let shared = made(8_000, requests: 8)
    try await timed("append one by one from 64 tasks", rows: shared.count) {
      try await withThrowingTaskGroup { group in
        for task in 0..<64 {
          group.addTask {
            for index in stride(from: task, to: shared.count, by: 64) { try await store.append([shared[index]]) }
          }
        }
        try await group.waitForAll()
      }
    }
    let jobs = (0..<2_000).map { HistoryExamples.job("job-\($0)", submittedAtMS: Int64($0)) }
    try await timed("append jobs one by one", rows: jobs.count) {
      for job in jobs { try await store.append([.job(job)]) }
    }
    try await load(10_000)
    for round in 0..<90 {
      let batch = made(1_000, requests: 1)
      guard round == 45 else {
        try await store.append(batch)
        continue
      }
      try await timed("append 1,000 at once, 64 tokens of samples each", rows: 1_000) {
        try await store.append(batch)
      }
    }
  }

  private func read() async throws {
    print("resident memory with 100,000 stored: \(megabytes(residentBytes())) MB")
    try await load(100_000)
    print("resident memory after going through them in pages: \(megabytes(residentBytes())) MB")
    let stats = try await timed("stats", rows: 1) { try await store.stats() }
    print("database: \(megabytes(stats.databaseBytes)) MB with \(stats.measurementCount) measurements")
    let export = NSTemporaryDirectory() + "history-figures.csv"
    try await timed("export as CSV", rows: 100_000) { _ = try await MeasurementCSV.export(store, to: export) }
    let copy = InMemoryHistoryStore()
    try await timed("import it", rows: 100_000) {
      _ = try await HistoryImport.importFile(
        export, as: ImporterCatalogue.importer(named: nil, for: export), into: copy)
    }
    try? FileManager.default.removeItem(atPath: export)
    try await timed("check", rows: 100_000) { _ = try await HistoryCheck.run(store) }
    try await timed("load all in one list, without samples", rows: 100_000) {
      _ = try await store.measurements(MeasurementFilter(), includingSamples: false)
    }
    try await timed("drop all samples and compact", rows: 100_000) {
      try await store.compact(droppingSamplesOlderThanDays: 0, nowMS: .max / 2)
    }
    print("database without samples: \(megabytes(try await store.stats().databaseBytes)) MB")
  }

  /// Goes through the history as a starting coordinator does: in pages, keeping nothing.
  private func load(_ count: Int) async throws {
    try await timed("load \(count) in pages of 1,000, without samples", rows: count) {
      var filter = MeasurementFilter(limit: 1_000)
      var seen = 0
      while let last = try await store.measurements(filter, includingSamples: false).last {
        seen += 1_000
        filter.afterRow = last.row
      }
      precondition(seen >= count, "only \(seen) were stored")
    }
  }

  @discardableResult
  private func timed<Value>(_ what: String, rows: Int, _ body: () async throws -> Value) async throws -> Value {
    let (start, cpuStart) = (ContinuousClock.now, cpuSeconds())
    let value = try await body()
    let wall = (ContinuousClock.now - start) / .seconds(1)
    let cpu = cpuSeconds() - cpuStart
    print(
      String(
        format: "%@: %.3f s, %.0f rows/s, %.1f us of CPU per row", what, wall, Double(rows) / wall,
        cpu * 1e6 / Double(rows)))
    return value
  }

  private func cpuSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func residentBytes() -> Int {
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
    return (pages.flatMap { Int($0[1]) } ?? 0) * Int(getpagesize())
  }

  private func megabytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }
}
