import Coordinator
import History
import Messaging
import Serving
import TestKit
import Testing

/// The coordinator over an in-process network, with workers that need no engine: what each kind of peer sees.
@Suite(.timeLimit(.minutes(20))) struct JobCoordinatorTests {
  @Test("A job is accepted, streams its tokens and ends with what is stored")
  func submit() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    let seen = SeenJob(try await client.answers(.submit(Fixture.spec(maxTokens: 5))))
    #expect(seen.accepted?.state == .queued)
    #expect(seen.tokenIDs == [0, 1, 2, 3, 4])
    #expect(seen.isWithoutGaps)
    let ended = try #require(seen.ended)
    #expect(ended.state == .completed)
    #expect(ended.output == seen.text)
    #expect(ended.worker == "one")
    #expect(ended.configuration?.isDefault == true, "nothing is known yet, so the default is used")
    #expect(try await cluster.store.job(ended.id) == ended)
    let measurement = try #require(try await cluster.store.measurement(ended.measurement!))
    #expect(measurement.source == .job(ended.id))
    #expect(seen.figures == JobFigures(measurement) && seen.figures?.cachedTokenCount == 2)
    #expect(await cluster.coordinator.metrics.jobsEnded == 1)
    await cluster.stop(worker)
  }

  @Test("Submits with one key are one job: while it runs, and after it ended")
  func idempotency() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    var spec = Fixture.spec()
    spec.idempotencyKey = "key"
    let first = try await client.send(.submit(spec))
    let second = try await client.send(.submit(spec))
    let one = SeenJob(try await client.rest(of: first))
    // The second one's answers came in between; ask a third time for what they were.
    _ = second
    let three = SeenJob(try await client.answers(.submit(spec)))
    #expect(three.ended == one.ended)
    #expect(three.accepted?.id == one.accepted?.id)
    #expect(try await cluster.store.stats().jobCount == 1)
    var changed = spec
    changed.seed = 99
    #expect(SeenJob(try await client.answers(.submit(changed))).ended?.id == one.ended?.id, "a seed may be drawn")
    changed.maxTokens += 1
    #expect(try await client.failure(.submit(changed))?.code == .badInput, "another request needs another key")
    let other = try await cluster.client("another")
    let theirs = SeenJob(try await other.answers(.submit(spec)))
    #expect(theirs.ended?.id != one.ended?.id, "keys belong to a client")
    await cluster.stop(worker)
  }

  @Test("A job that ends with its client begins before the disk has it, but not once the disk has refused a write")
  func boundJobs() async throws {
    let store = FaultyStore(try await Fixture.store())
    let cluster = ScriptedCluster(store: store)
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    var spec = Fixture.spec(maxTokens: 3)
    spec.isBound = true
    let whole = SeenJob(try await client.answers(.submit(spec)))
    #expect(whole.ended?.state == .completed)
    #expect(try await store.job(whole.ended!.id) == whole.ended)

    store.fail(true)
    let begun = try await client.send(.submit(spec))
    guard case .accepted(let record)? = await client.next(of: begun), case .tokens? = await client.next(of: begun)
    else {
      Issue.record("it did not begin")
      return
    }
    try await client.until { await cluster.coordinator.metrics.writesFailed > 0 }
    let other = try await cluster.client("other")
    #expect(try await other.failure(.submit(spec))?.code == .disk)
    store.fail(false)
    let seen = SeenJob(
      try await cluster.passing(beating: [worker]) { try await client.rest(of: begun) }, accepted: record)
    #expect(seen.ended?.state == .completed)
    #expect(try await store.job(record.id)?.state == .completed)
    await cluster.stop(worker)
  }

  private static let badTools: [(Tools, String)] = {
    func tools(_ names: [String], json: String = "{}", _ choice: Tools.Choice = .auto) -> Tools {
      Tools(functions: names.map { Tools.Function(name: $0, json: json) }, choice: choice)
    }
    return [
      (tools(["f"]), "a text is to be completed"), (tools(["a b"]), "the name of a function"),
      (tools(["f", "f"]), "two tools are named f"), (tools(["f"], json: #"{},"n":1"#), "no JSON object"),
      (tools(["f"], .function("g")), "must call g"),
      (tools(["f"], json: String(repeating: " ", count: Tools.mostBytes) + "{}"), "1 tools of"),
    ]
  }()

  @Test("A model whose chat template has no place for tools takes none, and other jobs as ever")
  func modelsWithoutTools() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    var model = Fixture.model()
    model.takesTools = false
    let worker = try await cluster.worker("one", models: [model])
    let client = try await cluster.client()
    var spec = Fixture.spec()
    spec.prompt = .chat([ChatMessage(role: "user", content: "p")])
    #expect(SeenJob(try await client.answers(.submit(spec))).ended?.state == .completed)
    spec.tools = Tools(functions: [Tools.Function(name: "f", json: "{}")])
    let refusal = try #require(await client.failure(.submit(spec)))
    #expect(refusal.kind == .toolsRefused && refusal.reason.contains("dense"), "\(refusal)")
    await cluster.stop(worker)
  }

  @Test("What cannot work is refused before it is stored, with what would work")
  func refusals() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    let unknown = try #require(await client.failure(.submit(Fixture.spec(model: Fixture.model("other")))))
    #expect(unknown.code == .badInput)
    #expect(unknown.advice.contains("dense"), "names the models there are")
    #expect(try await client.failure(.submit(Fixture.spec(maxTokens: 0)))?.code == .badInput)
    #expect(try await client.failure(.submit(Fixture.spec("")))?.code == .badInput)
    var scored = Fixture.spec(maxTokens: 4000)
    scored.sampling = Sampling(logprobs: 20)
    #expect(try await client.failure(.submit(scored))?.advice.contains("at most 3120 tokens") == true)
    scored.sampling = Sampling(logprobs: 21)
    #expect(try await client.failure(.submit(scored))?.reason.contains("21 log-probabilities") == true)
    for schema in [#"{"a":1},"n_predict":9"#, "true", "{", String(repeating: " ", count: 1 << 17) + "{}"] {
      scored.sampling = Sampling(schema: schema)
      #expect(try await client.failure(.submit(scored))?.reason.contains("schema") == true)
    }
    for (tools, reason) in Self.badTools {
      var calling = Fixture.spec()
      if !reason.contains("text") { calling.prompt = .chat([ChatMessage(role: "user", content: "p")]) }
      calling.tools = tools
      let refusal = try #require(await client.failure(.submit(calling)))
      #expect(refusal.code == .badInput && refusal.reason.contains(reason), "\(refusal)")
    }
    let long = String(repeating: "word ", count: 10_000)
    let tooLong = try #require(await client.failure(.submit(Fixture.spec(long))))
    #expect(tooLong.reason.contains("4096") && tooLong.kind == .contextExceeded && unknown.kind == nil)
    #expect(try await client.failure(.showJob("no-such"))?.code == .badInput)
    #expect(try await client.failure(.watchJob("no-such"))?.code == .badInput)
    #expect(try await client.failure(.cancelJob("no-such"))?.code == .badInput)
    #expect(try await client.failure(.cancelBenchmark("no-such"))?.code == .badInput)
    #expect(try await client.failure(.listJobs(state: nil, limit: 0))?.code == .badInput)
    var benchmark = TrialPlannerTests.spec(budget: 0)
    #expect(try await client.failure(.benchmark(benchmark))?.reason.contains("budget") == true)
    benchmark.budgetSeconds = 10
    benchmark.methods = ["no-such-method"]
    #expect(try await client.failure(.benchmark(benchmark))?.code == .badInput)
    #expect(try await cluster.store.stats().jobCount == 0)
    #expect(await cluster.coordinator.metrics.requestsRefused == 17 + Self.badTools.count)
    await cluster.stop(worker)
  }

  @Test("A full queue is answered 'try again', and counted")
  func queueLimit() async throws {
    var configuration = CoordinatorConfiguration()
    configuration.queueLimit = 2
    let cluster = ScriptedCluster(
      store: try await Fixture.store(), configuration: configuration)
    try await cluster.coordinator.start()
    let client = try await cluster.client()
    for _ in 0..<2 {
      guard case .accepted? = await client.next(of: try await client.send(.submit(Fixture.spec()))) else {
        Issue.record("a job was not accepted")
        return
      }
    }
    #expect(try await client.failure(.submit(Fixture.spec()))?.code == .tryAgain)
    #expect(await cluster.coordinator.metrics.queueLimitReached == 1)
    await cluster.stop()
  }

  @Test("A disk that refuses: the client hears so, and nothing was acknowledged")
  func diskFull() async throws {
    let store = FaultyStore(try await Fixture.store())
    let cluster = ScriptedCluster(store: store)
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    store.fail(true)
    #expect(try await client.failure(.submit(Fixture.spec()))?.code == .disk)
    store.fail(false)
    let id = try await client.send(.submit(Fixture.spec()))
    #expect(SeenJob(try await client.rest(of: id)).ended?.state == .completed)
    await cluster.stop(worker)
  }

  @Test("A report the disk refuses is not acknowledged; the worker sends it again and the job ends once")
  func diskFullAtReport() async throws {
    let store = FaultyStore(try await Fixture.store())
    let cluster = ScriptedCluster(store: store)
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    store.failReports(3)
    let seen = try await cluster.passing(beating: [worker]) {
      SeenJob(try await client.answers(.submit(Fixture.spec())))
    }
    #expect(seen.ended?.state == .completed)
    #expect(seen.isWithoutGaps)
    #expect(try await cluster.store.stats().measurementCount == 1)
    #expect(await cluster.coordinator.metrics.writesFailed >= 3)
    await cluster.stop(worker)
  }

  @Test("A worker of another protocol version is told both versions")
  func versionMismatch() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let peer = ScriptedPeer(cluster.network.connect(name: "old", role: .worker))
    await peer.waitForConnection()
    try await peer.send(.hello(Hello(version: 99, role: .worker, worker: Fixture.worker())))
    guard case .refused(let error)? = await peer.messages(1).first else {
      Issue.record("not refused")
      return
    }
    #expect(error.reason.contains("99") && error.reason.contains("\(protocolVersion)"))
    #expect(await cluster.coordinator.metrics.peersRefused == 1)
    await cluster.stop()
  }

  @Test("Cancelling a running job stops its worker; a finished one cannot be cancelled")
  func cancel() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one", behaviours: [.hangAfter(2)])
    let client = try await cluster.client()
    let other = try await cluster.client("other")
    let request = try await client.send(.submit(Fixture.spec()))
    let record = try #require(await client.acceptance(of: request))
    _ = await client.next(of: request)
    _ = await client.next(of: request)
    #expect(try await other.ask(.cancelJob(record.id)) == .done)
    let seen = SeenJob(try await client.rest(of: request), accepted: record)
    #expect(seen.ended?.state == .cancelled)
    #expect(seen.ended?.output == "0 1 ")
    #expect(try await other.failure(.cancelJob(record.id))?.code == .badInput)
    let again = SeenJob(try await other.answers(.retryJob(record.id)))
    #expect(again.ended?.state == .completed)
    #expect(again.ended?.id != record.id, "a finished job never changes")
    let repeated = SeenJob(try await other.answers(.retryJob(record.id)))
    #expect(repeated.ended?.id == again.ended?.id, "tried again twice is once")
    await cluster.stop(worker)
  }

  @Test("Who waits for a job that nothing can run is told so, and the job runs once a worker comes")
  func stranded() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let first = try await cluster.worker("one")
    let client = try await cluster.client()
    await first.stop()
    try await cluster.passing(beating: []) {
      try await client.until { await client.workers().allSatisfy { !$0.isAlive } }
    }
    let request = try await client.send(.submit(Fixture.spec()))
    guard case .accepted(let record)? = await client.next(of: request),
      case .jobWaiting(record.id, let reason)? = await client.next(of: request)
    else {
      Issue.record("the job was not said to wait")
      return
    }
    #expect(reason == "no connected worker has dense; one had it and was lost")
    guard case .job(let shown, nil) = try await cluster.client("asking").ask(.showJob(record.id)) else {
      Issue.record("the job was not shown")
      return
    }
    #expect(shown.waitReason == reason)
    let late = try await cluster.client("late")
    let watching = try await late.send(.watchJob(record.id))
    guard case .accepted? = await late.next(of: watching), case .jobWaiting? = await late.next(of: watching) else {
      Issue.record("who came later was not told")
      return
    }
    let second = try await cluster.worker("two")
    let seen = SeenJob(
      try await cluster.passing(beating: [second]) { try await client.rest(of: request) }, accepted: record)
    #expect(seen.ended?.state == .completed && seen.ended?.worker == "two" && seen.waits.isEmpty)
    await cluster.stop(second)
  }

  @Test("A retry that failed or was cancelled is tried again itself; a key the client chose stays in front")
  func retries() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let failure = ScriptedWorker.Behaviour.fail(.engineFailed(reason: "no", lastLines: ""))
    let worker = try await cluster.worker("one", behaviours: [ScriptedWorker.Behaviour](repeating: failure, count: 6))
    let client = try await cluster.client()
    var spec = Fixture.spec()
    spec.idempotencyKey = "mine"
    let first = try #require(SeenJob(try await client.answers(.submit(spec))).ended)
    #expect(first.state == .failed && first.attemptCount == 3)
    let second = try #require(SeenJob(try await client.answers(.retryJob(first.id))).ended)
    #expect(second.state == .failed && second.spec.idempotencyKey == "mine/retry:\(first.id)")
    let third = try #require(SeenJob(try await client.answers(.retryJob(first.id))).ended)
    #expect(third.state == .completed && third.spec.idempotencyKey == "mine/retry:\(second.id)")
    for id in [first.id, second.id] {
      #expect(SeenJob(try await client.answers(.retryJob(id))).ended?.id == third.id)
    }
    await cluster.stop(worker)
  }

  @Test("Who watches later sees the job from its beginning, whether it runs or has ended")
  func watch() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one", behaviours: [.hangAfter(3)])
    let client = try await cluster.client()
    let request = try await client.send(.submit(Fixture.spec(maxTokens: 6)))
    let record = try #require(await client.acceptance(of: request))
    for _ in 0..<3 {
      _ = await client.next(of: request)
    }
    let late = try await cluster.client("late")
    let watching = try await late.send(.watchJob(record.id))
    var answers: [ClientResponse] = []
    for _ in 0..<2 {
      if let answer = await late.next(of: watching) { answers.append(answer) }
    }
    await worker.stop()
    let second = try await cluster.worker("two")
    answers += try await cluster.passing(beating: [second]) { try await late.rest(of: watching) }
    let seen = SeenJob(answers)
    #expect(seen.tokenIDs == [0, 1, 2, 3, 4, 5])
    #expect(seen.isWithoutGaps)
    let after = SeenJob(try await late.answers(.watchJob(record.id)))
    #expect(after.ended == seen.ended)
    #expect(after.figures == seen.figures && after.figures != nil)
    #expect(try await late.ask(.showJob(record.id)) == .job(try #require(seen.ended), seen.figures))
    await cluster.stop(second)
  }

  @Test("Lists: workers, models, jobs, the history's size and the coordinator's counts")
  func lists() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let models = [Fixture.model("b"), Fixture.model("a")]
    let worker = try await cluster.worker("one", models: models)
    let client = try await cluster.client()
    for _ in 0..<3 {
      _ = try await client.answers(.submit(Fixture.spec(model: models[0])))
    }
    guard case .models(let known) = try await client.ask(.listModels),
      case .jobs(let jobs) = try await client.ask(.listJobs(state: .completed, limit: 2)),
      case .jobs(let running) = try await client.ask(.listJobs(state: .running, limit: 10)),
      case .historyStats(let stats) = try await client.ask(.historyStats),
      case .status(let status) = try await client.ask(.showStatus)
    else {
      Issue.record("a list was not answered")
      return
    }
    #expect(known.map(\.profile.name) == ["a", "b"])
    #expect(known.allSatisfy { $0.workers == ["one"] })
    #expect(jobs.count == 2 && jobs.allSatisfy { $0.spec.promptBytes == 0 && $0.output != "" }, "without the prompts")
    #expect(running.isEmpty)
    #expect(stats.jobCount == 3)
    #expect(stats.measurementCount == 3)
    #expect(status.queuedJobCount == 0)
    #expect(status.metrics.jobsAccepted == 3)
    #expect(status.metrics.jobsEnded == 3)
    #expect(status.workers.map(\.name) == ["one"])
    await worker.beat()
    try await client.until { await client.workers().first?.warmConfigurations == ["warm"] }
    await cluster.stop(worker)
  }

  @Test("A recommendation for the workers, for one of them, and for a machine nobody has measured")
  func recommend() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let workers = [
      try await cluster.worker("one"), try await cluster.worker("two", machine: "machine-2"),
    ]
    let client = try await cluster.client()
    var query = RecommendQuery(model: Fixture.model().id, workload: .chat, objective: .e2e)
    guard case .recommendation(let all) = try await client.ask(.recommend(query)) else { return }
    #expect(Set(all.candidates.map(\.worker)) == ["one", "two"])
    query.worker = "two"
    guard case .recommendation(let one) = try await client.ask(.recommend(query)) else { return }
    #expect(Set(one.candidates.map(\.worker)) == ["two"])
    query.worker = "three"
    #expect(try await client.failure(.recommend(query))?.code == .unavailable)
    query.worker = nil
    query.hardware = Fixture.hardware(machine: "new", coreCount: 64)
    guard case .recommendation(let new) = try await client.ask(.recommend(query)) else { return }
    #expect(Set(new.candidates.map(\.worker)) == ["new"])
    query.workload.concurrency = 0
    #expect(try await client.failure(.recommend(query))?.code == .badInput)
    for worker in workers {
      await worker.stop()
    }
    await cluster.stop()
  }

  @Test("A model's pieces go through to the worker and its answers back")
  func pushModel() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    func chunk(_ offset: Int, _ bytes: [UInt8]) -> ModelChunk {
      ModelChunk(model: "new", name: "new", totalBytes: 4, offset: offset, bytes: bytes)
    }
    guard case .modelOffset(let start) = try await client.ask(.pushModel("one", chunk(0, []))) else { return }
    #expect(start.offset == 0 && !start.isComplete)
    guard case .modelOffset(let end) = try await client.ask(.pushModel("one", chunk(0, [1, 2, 3, 4]))) else { return }
    #expect(end.isComplete)
    #expect(try await client.failure(.pushModel("one", chunk(3, [1, 2])))?.code == .badInput)
    #expect(try await client.failure(.pushModel("nobody", chunk(0, [])))?.code == .unavailable)
    await cluster.stop(worker)
  }

  @Test("A question for a launch goes to its worker and the answer to its client, or the worker's loss does")
  func planLaunch() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let worker = try await cluster.worker("one")
    let client = try await cluster.client()
    func query(port: Int) -> LaunchQuery {
      LaunchQuery(
        model: Fixture.model().id, configuration: EngineConfiguration(engine: EngineName("scripted")),
        contextTokens: 256,
        host: "127.0.0.1", port: port)
    }
    guard case .launch(let launch) = try await client.ask(.planLaunch("one", query(port: 8080))) else {
      Issue.record("no launch came back")
      return
    }
    #expect(launch.port == 8080 && launch.command == ["run"])
    #expect(await worker.launchQueries == [query(port: 8080)])
    #expect(try await client.failure(.planLaunch("nobody", query(port: 8080)))?.code == .unavailable)
    // Port 1 is never answered; when the worker is lost its asker is told.
    let id = try await client.send(.planLaunch("one", query(port: 1)))
    try await client.until { await worker.launchQueries.count == 2 }
    await worker.stop()
    let answer = try await cluster.passing(beating: []) { try await client.rest(of: id).last }
    guard case .failure(let error) = answer else {
      Issue.record("a lost worker answered \(String(describing: answer))")
      return
    }
    #expect(error.code == .tryAgain)
    await cluster.stop()
  }

  @Test("A training that cannot be done says why")
  func train() async throws {
    let cluster = ScriptedCluster()
    try await cluster.coordinator.start()
    let client = try await cluster.client()
    #expect(try await client.failure(.train)?.code == .badInput)
    #expect(await cluster.coordinator.metrics.trainings == 1)
    await cluster.stop()
  }
}
