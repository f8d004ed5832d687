import Foundation
import History
import Serving
import TestKit
import Testing

/// Schemas/history.sql says what a database looks like, and databases of every past version can still be opened.
@Suite struct SchemaTests {
  /// The repository's root: three levels above this file.
  static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// To regenerate the file after a new migration:
  /// `APUS_WRITE_SCHEMA=1 swift test --filter SchemaTests`, then look at the difference.
  @Test func fileIsTheSchemaAfterAllMigrations() throws {
    let file = Self.root.appendingPathComponent("Schemas/history.sql")
    let text = try String(contentsOf: file, encoding: .utf8)
    let head = text.prefix(upTo: try #require(text.range(of: "\nCREATE ")).lowerBound) + "\n"
    let current = try head + HistorySchema.sql()
    if ProcessInfo.processInfo.environment["APUS_WRITE_SCHEMA"] != nil {
      try current.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(text == current, "regenerate Schemas/history.sql as its head says")
  }

  /// A database of each past version, as `sqlite3 .dump` wrote it: each kind of record is read back in today's words.
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9]) func pastVersionsAreRead(version: Int) async throws {
    let directory = TemporaryFolder()
    let dump = Self.root.appendingPathComponent("Tests/Fixtures/history-\(version).sql")
    try directory.execute(String(contentsOf: dump, encoding: .utf8), on: directory.file())
    let store = try SQLiteHistoryStore(path: directory.file())
    #expect(try await HistoryCheck.run(store) == [])
    let stats = try await store.stats()
    #expect(stats.jobCount == 2 && stats.modelCount == 1 && stats.nodeCount == 1)
    #expect(stats.outcomes == ["completed": 1, "engine_failed": 1])

    let completed = try #require(try await store.measurement(MeasurementID("first-1")))
    #expect(completed.worker == WorkerName("node-1"))
    #expect(completed.source == .trial(TrialID("t1"), benchmark: BenchmarkID("b1"), purpose: .paired, round: 2))
    #expect(completed.outcome.metrics?.ttft.p99MS == 41.5)
    #expect(completed.configuration[.slotCount] == .int(4))
    #expect(completed.hardware.coreCount == 2)
    #expect(completed.model.name == "example")
    #expect(completed.samples.map(\.tokenSeconds) == [[0.02, 0.03, 0.0405]])
    #expect(completed.warnings == ["too few samples"])
    let loss = QualityLoss(
      positionCount: 256, topAgreement: 0.984375, decisiveMismatchCount: 1, divergence: 0.015625, perplexity: 12.5,
      referencePerplexity: 12.25, probeVersion: 1)
    #expect(completed.quality == (version == 1 ? nil : loss), "the first version has none")
    #expect(completed.memoryEstimateBytes == nil && completed.outcome.metrics?.energyJoules == nil)
    #expect(completed.outcome.metrics?.acceleratorMemoryBytes == nil)

    let failed = try #require(try await store.measurement(MeasurementID("first-2")))
    #expect(failed.outcome == .engineFailed(reason: "exit 1", lastLines: "a\u{0}b"))
    #expect(failed.source == .job(JobID("job-1")))

    var measured = completed
    measured.id = MeasurementID("now")
    measured.quality = QualityLoss(positionCount: 256, topAgreement: 1, decisiveMismatchCount: 0, probeVersion: 1)
    measured.memoryEstimateBytes = 1 << 30
    measured.acceleratorMemoryEstimateBytes = 2 << 30
    if case .completed(var metrics) = measured.outcome {
      metrics.acceleratorMemoryBytes = 3 << 30
      measured.outcome = .completed(metrics)
    }
    try await store.append([.measurement(measured)])
    #expect(try await store.measurement(measured.id) == measured, "an upgraded history takes what is new")

    let placement = HistoryExamples.placement("p1")
    try await store.append([.placement(placement)])
    #expect(try await store.placements(model: nil) == [placement], "and measured placements")

    let job = try #require(try await store.job(of: JobOwner(client: "laptop"), idempotencyKey: "key-1"))
    #expect(job.state == .completed && job.output == "Hello" && job.spec.seed == .max)
    #expect(!job.isExploration && job.finishReason == (version < 5 ? nil : .stop) && job.toolCalls.isEmpty)
    #expect(job.owner == JobOwner(client: "laptop"))
    #expect(try await store.unfinishedJobs().map(\.id) == [JobID("job-2")])

    let owned = HistoryExamples.job("job-3", client: "laptop", tenant: "tenant", key: "key-1")
    try await store.append([.job(owned)])
    #expect(
      try await store.jobs(of: owned.owner, state: nil, limit: 10) == [owned], "and tenants with keys of their own")
    await store.close()
  }
}
