import Foundation
import Messaging
import Serving
import TestKit
import Testing

@testable import Worker

@Suite("ReportStore") struct ReportStoreTests {
  /// What was saved is there for the next process, in order of time and the last of its time at the end; what was
  /// removed is not.
  @Test func survivesAProcess() async throws {
    let directory = TemporaryFolder()
    let store = try ReportStore(directory: directory.path + "/reports")
    let reports = [
      Fixtures.report("c", startedAtMS: 3), Fixtures.report("b", isLast: true, startedAtMS: 2),
      Fixtures.report("a", isLast: false, startedAtMS: 2), Fixtures.report("../evil name", startedAtMS: 4),
    ]
    for report in reports { try await store.save(report) }
    let next = try ReportStore(directory: directory.path + "/reports")
    let loaded = await next.load()
    #expect(loaded.unreadableCount == 0)
    #expect(loaded.reports == [reports[2], reports[1], reports[0], reports[3]])
    next.remove(MeasurementID("c"))
    next.remove(MeasurementID("../evil name"))
    #expect(await next.load().reports == [reports[2], reports[1]])
    #expect(directory.files == ["reports"])
  }

  /// A file that was cut off by a full disk is put aside and counted, once.
  @Test func cutOffFile() async throws {
    let directory = TemporaryFolder()
    let store = try ReportStore(directory: directory.path)
    try await store.save(Fixtures.report("good"))
    let whole = try MessageCodec().encode(.report(Fixtures.report("bad")))
    try Data(whole.dropLast(9)).write(to: URL(fileURLWithPath: directory.path + "/bad.report"))
    let loaded = await store.load()
    #expect(loaded.reports.count == 1)
    #expect(loaded.unreadableCount == 1)
    #expect(await store.load().unreadableCount == 0)
    #expect(directory.files.contains("bad.report.unreadable"))
  }

  @Test func directoryThatCannotBeMade() throws {
    let directory = TemporaryFolder()
    try Data().write(to: URL(fileURLWithPath: directory.path + "/file"))
    #expect(throws: ApusError.self) { try ReportStore(directory: directory.path + "/file/reports") }
  }
}
