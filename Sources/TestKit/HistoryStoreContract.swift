public import History
import Serving

/// What every `HistoryStore` promises. Each check begins with an empty store and closes it.
public struct HistoryStoreContract: Sendable {
  public typealias Check = @Sendable (any HistoryStore) async throws -> Void

  /// The checks by the rule they hold a store to.
  public static let checks: [(rule: String, check: Check)] = [
    ("a new store is empty", newStoreIsEmpty),
    ("records come back as they went in", recordsComeBack),
    ("text of any content comes back", anyTextComesBack),
    ("every outcome and source comes back", outcomesComeBack),
    ("a measured quality comes back, and none stays none", qualityComesBack),
    ("a measurement stored twice is one row, and the first stays", firstMeasurementStays),
    ("measured placements come back in the order stored, each once", placementsComeBack),
    ("a job is replaced until it is finished", jobsAreReplaced),
    ("an idempotency key belongs to one job of a client", keysBelongToOneJob),
    ("jobs are listed newest first", jobsAreListed),
    ("a filter gives exactly what it names, in the order stored", filtersHold),
    ("pages joined together are the whole", pagesAreTheWhole),
    ("appends from many tasks are all stored once", concurrentAppends),
    ("an append is stored whole or not at all", appendsAreWhole),
    ("figures that cannot be true are refused, with the figure", absurdFiguresAreRefused),
    ("a closed store refuses", closedStoreRefuses),
  ]

  /// - Throws: `ContractViolation`, or what the store threw.
  public static func run(_ makeStore: @Sendable () async throws -> any HistoryStore) async throws {
    for (rule, check) in checks {
      let store = try await makeStore()
      do {
        try await check(store)
      } catch let broken as ContractViolation {
        throw ContractViolation(rule, broken.description)
      }
      await store.close()
    }
  }

  @Sendable private static func newStoreIsEmpty(_ store: any HistoryStore) async throws {
    let stats = try await store.stats()
    try require(stats.jobCount == 0 && stats.measurementCount == 0 && stats.outcomes.isEmpty, "counts are zero")
    try require(try await store.measurements(MeasurementFilter(), includingSamples: true).isEmpty, "no measurement")
    try require(try await store.job(JobID("none")) == nil, "no job")
    try require(try await store.measurement(MeasurementID("none")) == nil, "no measurement by id")
    try await store.append([])
  }

  @Sendable private static func recordsComeBack(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 1)
    let measurement = examples.measurement("m1")
    var job = HistoryExamples.job("j1", key: "k1", state: .running, submittedAtMS: 5)
    job.worker = WorkerName("node-1")
    job.configuration = HistoryExamples.configuration(3)
    job.predicted = PredictedMetrics(ttftMS: 1.5, memoryBytes: 7)
    job.measurement = measurement.id
    job.attemptCount = 2
    let (model, hardware) = (HistoryExamples.model(), HistoryExamples.hardware(3))
    try await store.append([
      .measurement(measurement), .job(job), .model(model), .node(WorkerName("node-1"), HistoryExamples.hardware(1)),
    ])
    var renamed = model
    renamed.name = "renamed"
    try await store.append([.model(renamed), .node(WorkerName("node-1"), hardware)])

    try require(try await store.measurement(measurement.id) == measurement, "the measurement with its samples")
    try require(try await store.job(job.id) == job, "the job")
    try require(try await store.job(of: JobOwner(client: "client"), idempotencyKey: "k1") == job, "the job by its key")
    try require(try await store.models() == [renamed], "the model as announced last")
    try require(try await store.nodes() == [WorkerName("node-1"): hardware], "the node as announced last")
    let stats = try await store.stats()
    try require(
      stats.jobCount == 1 && stats.measurementCount == 1 && stats.modelCount == 1 && stats.nodeCount == 1
        && stats.outcomes == ["completed": 1], "counts", "\(stats)")
  }

  @Sendable private static func anyTextComesBack(_ store: any HistoryStore) async throws {
    // Models do emit U+0000, which ends C strings; quotes and line breaks are for whoever builds SQL or CSV by hand.
    let text = "a\u{0}b'\"\r\n\u{1F600}; DROP TABLE jobs --"
    var job = HistoryExamples.job("j1", state: .completed)
    job.finishReason = .contextFull
    job.toolCalls = [ToolCall(id: text, name: "f", arguments: text)]
    job.output = text
    job.failure = text
    var examples = HistoryExamples(seed: 2)
    var measurement = examples.measurement("m1")
    measurement.engineVersion = text
    measurement.outcome = .engineFailed(reason: text, lastLines: text)
    measurement.warnings = [text, ""]
    measurement.hardware.processor = text
    measurement.configuration = measurement.configuration.adding(
      MethodName("odd"), [KnobName("odd"): .text(text)])
    measurement.samples = [
      RequestTimeline(sentAtSeconds: 0.1, tokenSeconds: [], promptTokenCount: 3, cachedTokenCount: 0, failure: text)
    ]
    try await store.append([.job(job), .measurement(measurement)])
    try require(try await store.job(job.id) == job, "the job")
    try require(try await store.measurement(measurement.id) == measurement, "the measurement")
  }

  @Sendable private static func outcomesComeBack(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 3)
    let outcomes: [Outcome] = [
      .completed(examples.metrics()), .outOfMemory(detail: "killed at 2 GiB"), .timedOut(afterSeconds: 12.5),
      .engineFailed(reason: "exit 1", lastLines: "no such file"), .lostWorker, .cancelled,
    ]
    let sources: [MeasurementSource] = [
      .trial(TrialID("t"), benchmark: BenchmarkID("b"), purpose: .confirmation, round: 3), .job(JobID("j")),
      .imported(from: "old.csv"),
    ]
    var expected: [Measurement] = []
    for (number, outcome) in outcomes.enumerated() {
      var measurement = examples.measurement("m\(number)", requests: 1)
      measurement.outcome = outcome
      measurement.source = sources[number % sources.count]
      measurement.fidelity = number % 2 == 0 ? .exact : .approximate
      if outcome.metrics == nil { measurement.samples = [] }
      expected.append(measurement)
    }
    try await store.append(expected.map { .measurement($0) })
    let found = try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement)
    try require(found == expected, "all of them", "\(found)")
    try require(
      try await store.stats().outcomes == Dictionary(uniqueKeysWithValues: outcomes.map { ($0.kind, 1) }),
      "counts by outcome")

    var undefined = examples.metrics()
    undefined.itl = LatencySummary(meanMS: .nan, p50MS: .nan, p90MS: .nan, p99MS: .nan)
    undefined.loadSeconds = .nan
    var odd = examples.measurement("odd")
    odd.outcome = .completed(undefined)
    try await store.append([.measurement(odd)])
    let back = try await store.measurement(odd.id)?.outcome.metrics
    try require(
      back?.itl.p99MS.isNaN == true && back?.loadSeconds.isNaN == true && back?.ttft == undefined.ttft,
      "figures that are not known", "\(String(describing: back))")
  }

  @Sendable private static func qualityComesBack(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 9)
    let qualities: [QualityLoss?] = [
      nil, QualityLoss(positionCount: 256, topAgreement: 1, decisiveMismatchCount: 0, probeVersion: 1),
      QualityLoss(
        positionCount: 255, topAgreement: 0.1 + 0.2, decisiveMismatchCount: 9, divergence: 1.25e-4,
        perplexity: 8123.5, referencePerplexity: 8000.25, probeVersion: 2),
      nil,
    ]
    let expected = qualities.enumerated().map { number, quality in
      var measurement = examples.measurement("q\(number)", requests: number % 2)
      measurement.quality = quality
      return measurement
    }
    try await store.append(expected.map { .measurement($0) })
    let found = try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement)
    try require(found == expected, "with samples", "\(found.map(\.quality))")
    let bare = try await store.measurements(MeasurementFilter(), includingSamples: false).map(\.measurement.quality)
    try require(bare == qualities, "without samples", "\(bare)")
    try require(try await store.measurement(MeasurementID("q2")) == expected[2], "by id")
    // A report that comes twice changes nothing, the second one's quality neither.
    var second = expected[0]
    second.quality = qualities[1]
    try await store.append([.measurement(second)])
    try require(try await store.measurement(second.id)?.quality == nil, "the first one stays")
  }

  @Sendable private static func firstMeasurementStays(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 4)
    let (first, second) = (examples.measurement("same"), examples.measurement("same"))
    let other = examples.measurement("other")
    try await store.append([.measurement(first), .measurement(second)])
    try await store.append([.measurement(second), .measurement(other)])
    let found = try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement)
    try require(found == [first, other], "two rows, the first as it was")
  }

  @Sendable private static func jobsAreReplaced(_ store: any HistoryStore) async throws {
    var job = HistoryExamples.job("j1")
    for state in [JobState.queued, .running, .queued, .running] {
      job.state = state
      job.attemptCount += 1
      try await store.append([.job(job)])
      try require(try await store.job(job.id) == job, "replaced by \(state)")
    }
    try require(try await store.unfinishedJobs() == [job], "unfinished while running")
    var finished = job
    finished.state = .completed
    finished.output = "done"
    finished.finishedAtMS = 9
    try await store.append([.job(finished)])
    for state in JobState.allCases where state != .completed {
      job.state = state
      try await store.append([.job(job)])
      try require(try await store.job(job.id) == finished, "a completed job never becomes \(state)")
    }
    finished.measurement = MeasurementID("m1")
    try await store.append([.job(finished)])
    try require(try await store.job(job.id) == finished, "a completed job may learn its measurement")
    try require(try await store.unfinishedJobs().isEmpty, "nothing is unfinished")
  }

  @Sendable private static func keysBelongToOneJob(_ store: any HistoryStore) async throws {
    let first = HistoryExamples.job("j1", client: "a", key: "k")
    try await store.append([.job(first), .job(HistoryExamples.job("j2", client: "b", key: "k"))])
    try await store.append([.job(HistoryExamples.job("j3", client: "a")), .job(HistoryExamples.job("j4", client: "a"))])
    try await store.append([.job(first)])
    try await requireRefusal(.badInput, "a second job with the key") {
      try await store.append([.job(HistoryExamples.job("j5", client: "a", key: "k"))])
    }
    func owner(_ client: String, _ tenant: String? = nil) async throws -> JobID? {
      try await store.job(of: JobOwner(client: client, tenant: tenant), idempotencyKey: "k")?.id
    }
    try require(try await owner("a") == first.id, "the first job has the key")
    try require(try await owner("b") == JobID("j2"), "keys belong to a client")
    try require(try await store.job(JobID("j5")) == nil, "the refused job is not there")
    try require(try await owner("c") == nil, "an unknown client has no job")
    for tenant in ["t", "u"] {
      try await store.append([.job(HistoryExamples.job("j-\(tenant)", client: "a", tenant: tenant, key: "k"))])
    }
    try await requireRefusal(.badInput, "a tenant's second job with the key") {
      try await store.append([.job(HistoryExamples.job("j6", client: "a", tenant: "t", key: "k"))])
    }
    try require(try await owner("a", "t") == JobID("j-t"), "and to its tenant")
    try require(try await owner("a", "u") == JobID("j-u"), "each to its own")
    try require(try await owner("a") == first.id, "the client has its own still")
    try require(try await owner("b", "t") == nil, "another client's tenant has none")
  }

  @Sendable private static func jobsAreListed(_ store: any HistoryStore) async throws {
    let times: [(String, Int64, JobState)] = [
      ("a", 20, .queued), ("b", 10, .completed), ("c", 20, .running), ("d", 30, .failed), ("e", 5, .queued),
    ]
    for (id, time, state) in times {
      try await store.append([.job(HistoryExamples.job(id, state: state, submittedAtMS: time))])
    }
    func ids(_ jobs: [JobRecord]) -> String { jobs.map(\.id.rawValue).joined() }
    let all = ids(try await store.jobs(of: nil, state: nil, limit: 10))
    try require(all == "dcabe", "newest first, the later stored first among equals", all)
    let two = ids(try await store.jobs(of: nil, state: nil, limit: 2))
    try require(two == "dc", "the limit", two)
    try require(try await store.jobs(of: nil, state: nil, limit: 0).isEmpty, "a limit of none")
    let queued = ids(try await store.jobs(of: nil, state: .queued, limit: 10))
    try require(queued == "ae", "the state", queued)
    let owned: [(String, String, String?)] = [
      ("f", "gateway", "t"), ("g", "gateway", "u"), ("h", "other", "t"), ("i", "gateway", nil),
    ]
    for (id, client, tenant) in owned {
      try await store.append([.job(HistoryExamples.job(id, client: client, tenant: tenant, state: .failed))])
    }
    try await store.append([.job(HistoryExamples.job("k", client: "gateway", tenant: "t", submittedAtMS: 2000))])
    func list(_ tenant: String?, _ state: JobState? = nil, limit: Int = 10) async throws -> String {
      ids(try await store.jobs(of: JobOwner(client: "gateway", tenant: tenant), state: state, limit: limit))
    }
    try require(try await list("t") == "kf", "a tenant's own, newest first")
    try require(try await list("u") == "g", "another tenant's")
    try require(try await list(nil) == "i", "the client's own")
    try require(try await list("t", .failed) == "f", "with a state")
    try require(try await list("t", limit: 1) == "k", "with a limit")
    try require(try await list("nobody").isEmpty, "a tenant without jobs")
    let unfinished = ids(try await store.unfinishedJobs())
    try require(unfinished == "eack", "unfinished ones oldest first", unfinished)
  }

  @Sendable private static func filtersHold(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 5)
    var all: [Measurement] = []
    for number in 0..<60 {
      var measurement = examples.measurement(benchmark: "b\(number % 3)", requests: 1, tokensPerRequest: 2)
      if number % 7 == 0 { measurement.source = .job(JobID("j\(number)")) }
      all.append(measurement)
    }
    try await store.append(all.map { .measurement($0) })
    let stored = try await store.measurements(MeasurementFilter(), includingSamples: true)
    try require(stored.map(\.measurement) == all, "everything in the order stored")
    try require(zip(stored, stored.dropFirst()).allSatisfy { $0.row < $1.row }, "rows ascend")
    for model in [nil, HistoryExamples.model(1).id, ModelID("unknown")] {
      for worker in [nil, WorkerName("node-2")] {
        for benchmark in [nil, BenchmarkID("b1")] {
          for after in [0, stored[30].row] {
            for limit in [nil, 0, 3] {
              let filter = MeasurementFilter(
                model: model, worker: worker, benchmark: benchmark, afterRow: after, limit: limit)
              let expected = stored.filter { entry in
                let source = entry.measurement.source
                let isOfBenchmark = if case .trial(_, benchmark, _, _) = source { true } else { benchmark == nil }
                return entry.row > after && (model == nil || entry.measurement.model.id == model)
                  && (worker == nil || entry.measurement.worker == worker) && isOfBenchmark
              }.prefix(limit ?? .max).map { entry in
                var bare = entry
                bare.measurement.samples = []
                return bare
              }
              let found = try await store.measurements(filter, includingSamples: false)
              try require(found == expected, "filter \(filter)", "\(found.count) instead of \(expected.count)")
            }
          }
        }
      }
    }
  }

  @Sendable private static func pagesAreTheWhole(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 6)
    let all = (0..<25).map { _ in examples.measurement(requests: 1, tokensPerRequest: 1) }
    for measurement in all { try await store.append([.measurement(measurement), .measurement(all[0])]) }
    var joined: [Measurement] = []
    var filter = MeasurementFilter(limit: 4)
    while true {
      let page = try await store.measurements(filter, includingSamples: true)
      guard let last = page.last else { break }
      try require(page.count <= 4 && last.row > filter.afterRow, "a page of at most the limit")
      joined += page.map(\.measurement)
      filter.afterRow = last.row
    }
    try require(joined == all, "each measurement once")
  }

  @Sendable private static func concurrentAppends(_ store: any HistoryStore) async throws {
    let (writers, rounds) = (20, 10)
    try await withThrowingTaskGroup { group in
      for writer in 0..<writers {
        group.addTask {
          var examples = HistoryExamples(seed: UInt64(writer))
          for round in 0..<rounds {
            let own = examples.measurement("w\(writer)r\(round)", requests: 1, tokensPerRequest: 1)
            let shared = examples.measurement("shared\(round)", requests: 1, tokensPerRequest: 1)
            try await store.append([.measurement(own), .measurement(shared)])
            // What is acknowledged can be read at once, by anyone.
            let read = try await store.measurement(own.id)
            try require(read == own, "an acknowledged measurement is read back")
          }
        }
      }
      try await group.waitForAll()
    }
    let found = try await store.measurements(MeasurementFilter(), includingSamples: false)
    try require(found.count == writers * rounds + rounds, "each once", "\(found.count)")
    try require(Set(found.map(\.measurement.id)).count == found.count, "no id twice")
  }

  @Sendable private static func appendsAreWhole(_ store: any HistoryStore) async throws {
    try await store.append([.job(HistoryExamples.job("j1", key: "k"))])
    var examples = HistoryExamples(seed: 7)
    let measurement = examples.measurement("m1")
    try await requireRefusal(.badInput, "an append with a key that is taken") {
      try await store.append([
        .measurement(measurement), .model(HistoryExamples.model(9)), .job(HistoryExamples.job("j2", key: "k")),
      ])
    }
    try await requireRefusal(.badInput, "an append with an unusable id") {
      try await store.append([.measurement(measurement), .job(HistoryExamples.job("j\u{0}"))])
    }
    try require(try await store.measurement(measurement.id) == nil, "nothing of it is there")
    try require(try await store.models().isEmpty, "no model of it is there")
    // What the refused append would have made along the way must not be taken for stored.
    try await store.append([.measurement(measurement), .model(HistoryExamples.model(9))])
    try require(try await store.measurement(measurement.id) == measurement, "it can be stored afterwards")
  }

  @Sendable private static func absurdFiguresAreRefused(_ store: any HistoryStore) async throws {
    var examples = HistoryExamples(seed: 11)
    let absurd: [@Sendable (inout Metrics) -> Void] = [
      { $0.ttft.meanMS = -5 }, { $0.loadSeconds = .infinity }, { $0.tpot.p99MS = .infinity }, { $0.wallSeconds = 0 },
      { $0.e2e.meanMS = 1e12 }, { $0.outputTokenCount = -1 }, { $0.peakMemoryBytes = .max }, { $0.energyJoules = -1 },
    ]
    for change in absurd {
      var measurement = examples.measurement()
      guard var metrics = measurement.outcome.metrics else { continue }
      change(&metrics)
      measurement.outcome = .completed(metrics)
      let record = HistoryRecord.measurement(measurement)
      try await requireRefusal(.badInput, "a measurement of \(metrics)") { try await store.append([record]) }
    }
    try require(try await store.stats().measurementCount == 0, "nothing of them is kept")
  }

  @Sendable private static func placementsComeBack(_ store: any HistoryStore) async throws {
    try require(try await store.placements(model: nil).isEmpty, "none at first")
    let first = HistoryExamples.placement("p1")
    var other = HistoryExamples.placement("p2", model: HistoryExamples.model(2).id)
    other.outcome = .failed(reason: "host b's \u{0} answer never came")
    other.foreseen = nil
    let last = HistoryExamples.placement("p3")
    try await store.append([.placement(first), .placement(other)])
    var changed = first
    changed.strategy = "another"
    try await store.append([.placement(changed), .placement(last)])
    try require(
      try await store.placements(model: nil) == [first, other, last], "all of them, and the first of an id stays")
    try require(try await store.placements(model: other.model) == [other], "those of a model")
    try require(try await store.placements(model: HistoryExamples.model(3).id).isEmpty, "none of another")
    for seconds in [0, -1, .nan, .infinity] as [Double] {
      let absurd = HistoryExamples.placement("p4", meanSeconds: seconds)
      try await requireRefusal(.badInput, "a layer of \(seconds) s") { try await store.append([.placement(absurd)]) }
    }
    try require(try await store.placements(model: nil).count == 3, "nothing of them is kept")
    try require(try await store.stats().measurementCount == 0, "they are no measurements of engines")
  }

  @Sendable private static func closedStoreRefuses(_ store: any HistoryStore) async throws {
    try await store.append([.job(HistoryExamples.job("j1"))])
    await store.close()
    await store.close()
    try await requireRefusal(.unavailable, "appending") { try await store.append([.job(HistoryExamples.job("j2"))]) }
    try await requireRefusal(.unavailable, "reading") { _ = try await store.stats() }
  }
}

/// Throws unless `body` is refused with the code.
private func requireRefusal(
  _ code: FailureCode, _ what: String, _ body: () async throws -> Void
) async throws(ContractViolation) {
  do {
    try await body()
  } catch let error as ApusError {
    try require(error.code == code, "\(what) is refused with \(code)", "\(error)")
    return
  } catch {
    throw ContractViolation("\(what) is refused with an ApusError", "\(error)")
  }
  throw ContractViolation("\(what) is refused")
}
