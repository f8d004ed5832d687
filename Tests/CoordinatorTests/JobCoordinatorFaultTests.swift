import Coordinator
import History
import Messaging
import Serving
import TestKit
import Testing

/// What the coordinator promises when things break: a job that was accepted ends, once; a stream shows each token once;
/// a measurement is one row.
@Suite(.timeLimit(.minutes(20))) struct JobCoordinatorFaultTests {
  @Test(
    "A worker that dies in the middle of a job: the job ends on the other one, and the stream goes on", arguments: 0...6
  )
  func workerDies(tokens: Int) async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let dying = try await cluster.worker("dying", capacity: 1, behaviours: [.dieAfter(tokens)])
    let client = try await cluster.client()
    let request = try await client.send(.submit(Fixture.spec(maxTokens: 6)))
    let record = try #require(await client.acceptance(of: request))
    let other = try await cluster.worker("other", machine: "machine-2")
    let seen = SeenJob(
      try await cluster.passing(beating: [other]) { try await client.rest(of: request) }, accepted: record)
    #expect(seen.tokenIDs == [0, 1, 2, 3, 4, 5])
    #expect(seen.isWithoutGaps)
    #expect(seen.ended?.state == .completed)
    #expect(seen.ended?.output == "0 1 2 3 4 5 ")
    if tokens < 6 { #expect(seen.ended?.worker == "other") }
    #expect(try await cluster.store.jobs(of: nil, state: nil, limit: 10).map(\.id) == [record.id])
    await cluster.stop(dying, other)
  }

  @Test("Messages that are lost, doubled and late: every job ends once, no stream repeats or skips", arguments: 1...12)
  func faultyNetwork(seed: UInt64) async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    var workers: [ScriptedWorker] = []
    for (index, name) in ["one", "two", "three"].enumerated() {
      let seed = seed * 100 + UInt64(index)
      workers.append(
        try await cluster.worker(WorkerName(name), machine: "machine-\(index)") { endpoint in
          FaultyClientEndpoint(
            endpoint, incoming: FaultPlan(seed: seed, dropShare: 0.05, doubleShare: 0.1, holdShare: 0.1),
            outgoing: FaultPlan(seed: seed + 50, dropShare: 0.05, doubleShare: 0.1, holdShare: 0.1))
        })
    }
    let living = workers
    let jobs = try await cluster.passing(beating: living) {
      try await withThrowingTaskGroup(of: SeenJob.self) { group in
        for index in 0..<8 {
          group.addTask {
            let client = try await cluster.client("client-\(index)")
            return SeenJob(try await client.answers(.submit(Fixture.spec(maxTokens: 10))))
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(jobs.count == 8)
    for job in jobs {
      // A job may run out of attempts on such a network, but then it says so.
      #expect(job.ended?.state == .completed || job.ended?.failure != nil, "seed \(seed)")
      #expect(job.isWithoutGaps, "seed \(seed)")
      if job.ended?.state == .completed { #expect(job.ended?.output.hasPrefix(job.text) == true, "seed \(seed)") }
    }
    #expect(Set(jobs.compactMap(\.ended?.id)).count == 8)
    #expect(jobs.filter { $0.ended?.state == .completed }.count >= 6, "seed \(seed)")
    for worker in workers {
      await worker.stop()
    }
    await cluster.stop()
  }

  @Test(
    "A coordinator that is killed at any moment: its successor brings every accepted job to its end", arguments: 0...11)
  func restart(answersBeforeTheEnd: Int) async throws {
    let history = InMemoryHistoryStore()
    let network = InProcessNetwork()
    let disk = FaultyStore(history)
    let first = ScriptedCluster(network: network, store: disk)
    try await first.coordinator.start()
    let workers = [
      try await first.worker("one", capacity: 1), try await first.worker("two", machine: "machine-2", capacity: 1),
    ]
    let client = try await first.client()
    var accepted: Set<JobID> = []
    var requests: [UInt64] = []
    for _ in 0..<4 {
      requests.append(try await client.send(.submit(Fixture.spec(maxTokens: 4))))
    }
    // Reads some answers, whichever come, and then the coordinator is gone: it writes nothing any more.
    var seen = 0
    while seen < answersBeforeTheEnd, let event = await client.peer.nextEvent() {
      guard case .message(.response(_, let response)) = event else { continue }
      if case .accepted(let record) = response { accepted.insert(record.id) }
      seen += 1
    }
    disk.fail(true)
    let second = ScriptedCluster(network: network, store: history, endpoint: network.restartServer())
    try await second.coordinator.start()
    let after = try await second.client("after")
    let ids = accepted
    let jobs = try await second.passing(beating: workers) {
      var jobs: [SeenJob] = []
      for id in ids.sorted() {
        jobs.append(SeenJob(try await after.answers(.watchJob(id))))
      }
      return jobs
    }
    #expect(jobs.count == accepted.count)
    for job in jobs {
      #expect(job.ended?.state == .completed)
      #expect(job.ended?.output == "0 1 2 3 ")
      #expect(job.isWithoutGaps)
    }
    await first.coordinator.stop()
    for worker in workers {
      await worker.stop()
    }
    await second.stop()
  }

  @Test("A report sent many times is one row and ends its job once")
  func doubledReports() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one") { endpoint in
      FaultyClientEndpoint(
        endpoint, incoming: FaultPlan(seed: 1), outgoing: FaultPlan(seed: 2, doubleShare: 1),
        spoils: { if case .report = $0 { true } else { false } })
    }
    let client = try await cluster.client()
    for _ in 0..<5 {
      let seen = SeenJob(try await client.answers(.submit(Fixture.spec())))
      #expect(seen.ended?.state == .completed)
    }
    await worker.beat()
    #expect(try await cluster.store.stats().measurementCount == 5)
    #expect(await cluster.coordinator.metrics.jobsEnded == 5)
    await cluster.stop(worker)
  }

  @Test("A benchmark whose worker dies ends with what was measured on the other")
  func workerDiesInBenchmark() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let costs = HiddenCosts(speedups: ["chat": [.threadCount: 1.7]], noise: 0.03)
    let one = try await cluster.worker("one", costs: costs)
    let dying = try await cluster.worker("dying", machine: "machine-2", behaviours: [], costs: costs) { endpoint in
      // Its reports never arrive.
      FaultyClientEndpoint(
        endpoint, incoming: FaultPlan(seed: 1), outgoing: FaultPlan(seed: 2, dropShare: 1),
        spoils: { if case .report = $0 { true } else { false } })
    }
    let client = try await cluster.client()
    let spec = BenchmarkSpec(
      id: "benchmark", models: [Fixture.model().id], workloads: [.chat], budgetSeconds: 600, objective: .e2e, seed: 3)
    let answers = try await cluster.passing(beating: [one]) { try await client.answers(.benchmark(spec)) }
    guard case .benchmarkEnded(let summary)? = answers.last else {
      Issue.record("ended with \(String(describing: answers.last))")
      return
    }
    #expect(summary.findings.map(\.worker) == ["one"])
    #expect(summary.wasCutShort)
    await cluster.stop(one, dying)
  }

  @Test("A job goes before a trial: the trial stops, the job runs, the benchmark goes on to its end")
  func jobDuringBenchmark() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let costs = HiddenCosts(speedups: ["chat": [.threadCount: 1.7]], noise: 0.03)
    let worker = try await cluster.worker("one", costs: costs) { endpoint in
      // Trials take until they are asked for: reports of blocks come with the next heartbeat.
      FaultyClientEndpoint(
        endpoint, incoming: FaultPlan(seed: 1), outgoing: FaultPlan(seed: 4, dropShare: 0.6),
        spoils: { if case .report(let report) = $0 { report.measurement.source.purpose != nil } else { false } })
    }
    let client = try await cluster.client()
    let user = try await cluster.client("user")
    let spec = BenchmarkSpec(
      id: "benchmark", models: [Fixture.model().id], workloads: [.chat], budgetSeconds: 600, objective: .e2e, seed: 3)
    let benchmark = try await client.send(.benchmark(spec))
    _ = await client.next(of: benchmark)
    let (job, answers) = try await cluster.passing(beating: [worker]) {
      async let job = SeenJob(try await user.answers(.submit(Fixture.spec())))
      async let answers = client.rest(of: benchmark)
      return (try await job, try await answers)
    }
    #expect(job.ended?.state == .completed)
    guard case .benchmarkEnded(let summary)? = answers.last else { return }
    #expect(summary.findings.first?.best.configuration[.threadCount] != nil)
    await cluster.stop(worker)
  }

  @Test("A client that goes away takes its benchmark with it, and nothing else")
  func clientGoes() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one", behaviours: [.hangAfter(1)])
    let client = try await cluster.client()
    let request = try await client.send(.submit(Fixture.spec(maxTokens: 3)))
    let record = try #require(await client.acceptance(of: request))
    client.peer.close()
    let second = try await cluster.worker("two", machine: "machine-2")
    await worker.stop()
    let later = try await cluster.client("later")
    let seen = try await cluster.passing(beating: [second]) { SeenJob(try await later.answers(.watchJob(record.id))) }
    #expect(seen.ended?.state == .completed)
    await cluster.stop(second)
  }

  @Test("When its client is gone a job for it alone ends, and any other goes on", arguments: [true, false])
  func clientIsGone(isBound: Bool) async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let first = try await cluster.worker("one")
    await first.stop()
    let client = try await cluster.client()
    try await cluster.passing(beating: []) {
      try await client.until { await client.workers().allSatisfy { !$0.isAlive } }
    }
    var spec = Fixture.spec(maxTokens: 6)
    spec.isBound = isBound
    let record = try #require(await client.acceptance(of: try await client.send(.submit(spec))))
    client.peer.close()
    let worker = try await cluster.worker("two", behaviours: [isBound ? .hangAfter(3) : .complete])
    let other = try await cluster.client("other")
    try await cluster.passing(beating: [worker]) {
      try await other.until { try await cluster.store.job(record.id)?.state.isFinished == true }
    }
    #expect(try await cluster.store.job(record.id)?.state == (isBound ? .cancelled : .completed))
    await cluster.stop(worker)
  }
}
