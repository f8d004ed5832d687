import Messaging
import Serving
import Testing

@testable import Worker

/// A worker's roles in trials of placements: as a host until it is told otherwise, and as the hub under the same lease.
@Suite("JobWorker: experts", .timeLimit(.minutes(10))) struct JobWorkerExpertsTests {
  private static let hosting = Assignment(
    lease: LeaseID("lease"), work: .hosting(ExpertHosting(model: Fixtures.model().id, hubKey: "hub")))
  private static let placement = Assignment(
    lease: LeaseID("lease"),
    work: .placement(
      PlacementAssignment(
        spec: PlacementBenchmarkSpec(
          id: BenchmarkID("b"), model: Fixtures.model().id, strategies: ["linear"], batchSizes: [1], rounds: 1),
        hosts: [])))
  private static let step = PlacementNews.step(PlacementStep(strategy: "linear", batchTokens: 1))

  private let experts = ScriptedExperts()

  @Test func announcesWhereItHosts() async throws {
    let test = try await WorkerUnderTest(experts: experts)
    #expect(await test.coordinator.messages.hellos.first?.experts == ScriptedExperts.endpoint)
    try await test.stop()
    #expect(experts.endCount == 1, "nobody is let in after its end")
  }

  /// It names the lease while it hosts, and takes no other work.
  @Test func hostsUntilItIsTold() async throws {
    let test = try await WorkerUnderTest(confirms: true, experts: experts)
    await test.coordinator.send(.assignment(Self.hosting))
    let answers = await test.coordinator.heard { !$0.hostingAnswers.isEmpty }.hostingAnswers
    #expect(answers == [HostingAnswer(lease: LeaseID("lease"), address: .success("tcp://127.0.0.1:1"))])
    await test.coordinator.send(.assignment(Self.hosting))
    await test.coordinator.send(.assignment(Fixtures.jobLease("job")))
    await test.coordinator.heard { $0.reports.contains { $0.lease == LeaseID("job") } }
    #expect(experts.hosted.map(\.hubKey) == ["hub"], "a message that came twice does nothing")
    #expect(test.executor.begun.isEmpty)
    await test.coordinator.send(.revoke(LeaseID("another")))
    await test.coordinator.send(.revoke(LeaseID("lease")))
    // A job that comes while the role ends is no refusal: it runs when nothing is hosted any more.
    await test.coordinator.send(.assignment(Fixtures.jobLease("next", Fixtures.job("next"))))
    test.executor.finish("next", "m-next")
    let reports = await test.coordinator.heard { $0.reports.contains { $0.lease == LeaseID("next") } }.reports
    #expect(reports.filter { $0.lease == LeaseID("next") }.map(\.measurement.id) == [MeasurementID("m-next")])
    #expect(experts.endCount == 1)
    try await test.stop()
  }

  @Test func reportsAsTheHub() async throws {
    let test = try await WorkerUnderTest(experts: experts)
    await test.coordinator.send(.assignment(Self.hosting))
    await test.coordinator.heard { !$0.hostingAnswers.isEmpty }
    await test.coordinator.send(.assignment(Self.placement))
    experts.say(Self.step)
    experts.finish()
    let reports = await test.coordinator.heard { $0.placementReports.count == 2 }.placementReports
    #expect(reports.map(\.news) == [.success(Self.step), .success(.ended)])
    #expect(reports.allSatisfy { $0.lease == LeaseID("lease") })
    #expect(experts.endCount == 0, "it hosts on until the coordinator has heard of the end")
    await test.coordinator.send(.revoke(LeaseID("lease")))
    await test.caughtUp()
    try await test.stop()
    #expect(experts.endCount == 2, "when it was told, and when it stopped")
  }

  @Test func stopsTheTrialWhenItIsTold() async throws {
    let test = try await WorkerUnderTest(experts: experts)
    await test.coordinator.send(.assignment(Self.hosting))
    await test.coordinator.heard { !$0.hostingAnswers.isEmpty }
    await test.coordinator.send(.assignment(Self.placement))
    experts.say(Self.step)
    await test.coordinator.heard { !$0.placementReports.isEmpty }
    await test.coordinator.send(.revoke(LeaseID("lease")))
    let last = await test.coordinator.heard { $0.placementReports.count == 2 }.placementReports[1]
    guard case .failure(let error) = last.news else {
      Issue.record("\(last)")
      return
    }
    #expect(error.code == .tryAgain && error.reason.contains("was stopped"))
    try await test.stop()
  }

  @Test func saysWhyItDoesNotHost() async throws {
    let error = ApusError(.badInput, "the model is not here")
    experts.refuse(error)
    let test = try await WorkerUnderTest(experts: experts)
    await test.coordinator.send(.assignment(Self.hosting))
    let answers = await test.coordinator.heard { !$0.hostingAnswers.isEmpty }.hostingAnswers
    #expect(answers.map(\.address) == [.failure(error)])
    // The lease that it could not host under is over here; of any other it says why.
    var placement = Self.placement
    placement.lease = LeaseID("other")
    await test.coordinator.send(.assignment(placement))
    let reports = await test.coordinator.heard { !$0.placementReports.isEmpty }.placementReports
    guard case .failure(let refusal)? = reports.first?.news else {
      Issue.record("\(reports)")
      return
    }
    #expect(refusal.reason.contains("no experts are hosted here"))
    try await test.stop()
  }

  @Test func withoutExpertsItSaysSo() async throws {
    let test = try await WorkerUnderTest()
    #expect(await test.coordinator.messages.hellos.first?.experts == nil)
    await test.coordinator.send(.assignment(Self.hosting))
    let answers = await test.coordinator.heard { !$0.hostingAnswers.isEmpty }.hostingAnswers
    guard case .failure(let error)? = answers.first?.address else {
      Issue.record("\(answers)")
      return
    }
    #expect(error.advice.contains("--experts"))
    try await test.stop()
  }
}
