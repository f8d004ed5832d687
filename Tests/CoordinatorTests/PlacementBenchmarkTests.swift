import Coordinator
import History
import Messaging
import Serving
import TestKit
import Testing

/// Benchmarks of placements over an in-process network: what the client is told, what is stored, and who is free afterwards.
@Suite(.timeLimit(.minutes(20))) struct PlacementBenchmarkTests {
  private let cluster = ScriptedCluster()

  private func worker(
    _ name: WorkerName, machine: String, asHub: ScriptedWorker.HubBehaviour = .complete
  ) async throws -> ScriptedWorker {
    try await cluster.worker(
      name, machine: machine, models: [Fixture.sparseModel(), Fixture.model()],
      expertKey: Fixture.expertKey(name.rawValue), asHub: asHub)
  }

  @Test("The client is told each step and each placement; what was measured is stored under the hub's own name")
  func complete() async throws {
    try await cluster.coordinator.start()
    let one = try await worker("one", machine: "machine-1")
    let two = try await worker("two", machine: "machine-2")
    let client = try await cluster.client()
    let answers = try await client.answers(.benchmarkPlacement(Fixture.placementSpec(workers: ["two", "one"])))
    let news = answers.compactMap { if case .placementNews(let news) = $0 { news } else { nil } }
    #expect(news.last == .ended)
    let measured = news.compactMap { if case .measured(let measurement) = $0 { measurement } else { nil } }
    #expect(measured.map(\.strategy) == ["linear", "lpt"])
    #expect(
      measured.allSatisfy { $0.hub == "two" && $0.benchmark == "placements" && $0.model == Fixture.sparseModel().id })
    try await client.until { try await cluster.store.placements(model: nil).count == 2 }
    #expect(try await cluster.store.placements(model: Fixture.sparseModel().id) == measured)
    try await client.until { await [one.hosting.count, two.hosting.count] == [0, 0] }
    #expect(await one.assignments.count == 1, "the host is told of the hub, and no more")
    #expect(await two.assignments.count == 2)
    _ = try await client.answers(.benchmarkPlacement(Fixture.placementSpec(workers: ["two", "one"])))
    let hubs = await two.assignments.compactMap { assignment in
      if case .placement(let placement) = assignment.work { placement } else { nil }
    }
    #expect(hubs.map(\.trials) == [[], measured.compactMap(PlacementTrial.init)], "the next hub learns from it")
    #expect(hubs.last?.trials.count == 2)
    await cluster.stop(one, two)
  }

  @Test(
    "A worker that is lost in the middle is one clear error and a failed measurement; the other one is free",
    arguments: [
      "one", "two",
    ])
  func lostWorker(name: WorkerName) async throws {
    try await cluster.coordinator.start()
    let one = try await worker("one", machine: "machine-1", asHub: .hang)
    let two = try await worker("two", machine: "machine-2", asHub: .hang)
    let client = try await cluster.client()
    let request = try await client.send(.benchmarkPlacement(Fixture.placementSpec(workers: ["one", "two"])))
    guard case .placementNews(.step)? = await client.next(of: request) else {
      Issue.record("the trial did not begin")
      return
    }
    let (lost, living) = name == "one" ? (one, two) : (two, one)
    await lost.stop()
    let answers = try await cluster.passing(beating: [living]) { try await client.rest(of: request) }
    guard case .failure(let error)? = answers.last else {
      Issue.record("\(answers)")
      return
    }
    #expect(error.code == .unavailable)
    #expect(error.reason.contains("worker \(name) was lost"))
    try await client.until { try await !cluster.store.placements(model: nil).isEmpty }
    let stored = try await cluster.store.placements(model: nil)
    #expect(stored.map(\.strategy) == ["linear"])
    #expect(stored[0].outcome == .failed(reason: error.reason))
    try await client.until { await living.hosting.isEmpty }
    #expect(await client.workers().allSatisfy { $0.leaseCount == 0 })
    await cluster.stop(one, two)
  }

  @Test("A hub's failure is the client's error, and is stored once")
  func failedPlan() async throws {
    let error = ApusError(.unavailable, "expert 3 of layer 0 has no living host; it is placed on two")
    try await cluster.coordinator.start()
    let one = try await worker("one", machine: "machine-1", asHub: .fail(error))
    let two = try await worker("two", machine: "machine-2")
    let client = try await cluster.client()
    #expect(try await client.failure(.benchmarkPlacement(Fixture.placementSpec(workers: ["one", "two"]))) == error)
    try await client.until { await [one.hosting.count, two.hosting.count] == [0, 0] }
    try await client.until { try await !cluster.store.placements(model: nil).isEmpty }
    #expect(try await cluster.store.placements(model: nil).map(\.outcome) == [.failed(reason: error.reason)])
    await cluster.stop(one, two)
  }

  @Test("A client that cancels is told so, and its workers are free; a job that waited runs")
  func cancelled() async throws {
    try await cluster.coordinator.start()
    let one = try await worker("one", machine: "machine-1", asHub: .hang)
    let client = try await cluster.client()
    let request = try await client.send(.benchmarkPlacement(Fixture.placementSpec()))
    guard case .placementNews(.step)? = await client.next(of: request) else {
      Issue.record("the trial did not begin")
      return
    }
    let other = try await cluster.client("other")
    let job = try await other.send(.submit(Fixture.spec(maxTokens: 2)))
    try #require(await other.acceptance(of: job) != nil)
    #expect(try await other.ask(.cancelBenchmark("placements")) == .done)
    guard case .failure(let error)? = try await client.rest(of: request).last else { return }
    #expect(error.code == .tryAgain)
    _ = try await cluster.passing(beating: [one]) {
      try await other.until { await one.assignments.contains { if case .job = $0.work { true } else { false } } }
    }
    #expect(await one.hosting.isEmpty)
    await cluster.stop(one)
  }

  @Test("What cannot be measured is refused with what to do")
  func refusals() async throws {
    try await cluster.coordinator.start()
    let client = try await cluster.client()
    let unknown = try await client.failure(.benchmarkPlacement(Fixture.placementSpec()))
    #expect(unknown?.reason.contains("no worker has announced the model") == true)
    let one = try await cluster.worker("one", models: [Fixture.sparseModel(), Fixture.model()])
    let closed = try await client.failure(.benchmarkPlacement(Fixture.placementSpec()))
    #expect(closed?.code == .unavailable)
    #expect(closed?.advice.contains("--experts") == true, "nobody hosts: \(closed?.advice ?? "")")
    let named = try await client.failure(.benchmarkPlacement(Fixture.placementSpec(workers: ["one"])))
    #expect(named?.reason.contains("worker one serves no experts") == true)
    let absent = try await client.failure(.benchmarkPlacement(Fixture.placementSpec(workers: ["two"])))
    #expect(absent?.reason == "no worker two is connected")
    var dense = Fixture.placementSpec()
    dense.model = Fixture.model().id
    #expect(try await client.failure(.benchmarkPlacement(dense))?.reason.contains("no experts to place") == true)
    var empty = Fixture.placementSpec()
    empty.batchSizes = [0]
    #expect(try await client.failure(.benchmarkPlacement(empty))?.reason.contains("a batch of 0 tokens") == true)
    await cluster.stop(one)
  }
}
