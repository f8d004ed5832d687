import Coordinator
import Messaging
import Serving
import TestKit
import Testing

/// A worker that takes a job and says nothing, as its client and the history see it.
@Suite(.timeLimit(.minutes(20))) struct JobCoordinatorHedgingTests {
  @Test("The client gets the answer of the second node, once, and is told so; the first is stopped", arguments: [1, 0])
  func silentWorker(share: Double) async throws {
    var configuration = CoordinatorConfiguration()
    configuration.hedgeShare = share
    configuration.exploration = .off
    let cluster = ScriptedCluster(configuration: configuration)
    try await cluster.coordinator.start()
    let first = try await cluster.worker("first")
    let client = try await cluster.client()
    // As long as what its worker says that it measured, so that what such jobs take is known then.
    let spec = Fixture.spec(String(repeating: "word", count: 64), maxTokens: 64)
    for _ in 0..<5 { _ = try await client.answers(.submit(spec)) }
    await cluster.pass(seconds: 3, beating: [first])
    let known = SeenJob(try await client.answers(.submit(spec)))
    try #require(known.ended?.predicted?.ttftMS != nil, "\(String(describing: known.ended))")
    let loaded = try #require(known.ended?.configuration?.fingerprint)
    let second = try await cluster.worker("second", machine: "machine-2")
    await first.behave([.hangAfter(0)], warm: [loaded])
    await second.behave([], warm: [loaded])
    await cluster.pass(seconds: 3, beating: [first, second])
    let request = try await client.send(.submit(spec))
    guard case .accepted(let record)? = await client.next(of: request) else {
      Issue.record("not accepted")
      return
    }
    try await client.until { await first.assignments.count == 7 }
    await cluster.pass(seconds: 5, beating: [first, second])
    guard share > 0 else {
      #expect(await second.assignments.isEmpty)
      #expect(await cluster.coordinator.metrics.hedges == 0)
      await cluster.stop(first, second)
      return
    }
    let seen = SeenJob(
      try await cluster.passing(beating: [first, second]) { try await client.rest(of: request) }, accepted: record)
    #expect(seen.tokenIDs == Array(0..<64) && seen.isWithoutGaps)
    #expect(seen.ended?.state == .completed && seen.ended?.worker == "second" && seen.ended?.attemptCount == 2)
    let stored = try #require(try await cluster.store.job(record.id))
    #expect(stored.worker == "second" && stored.state == .completed && stored.measurement == seen.ended?.measurement)
    let measurement = try #require(try await cluster.store.measurement(stored.measurement!))
    #expect(measurement.worker == "second" && JobFigures(measurement) == seen.figures)
    // The first reports that it was stopped, and is confirmed; seven jobs ended, each once.
    try await client.until { try await cluster.store.stats().measurementCount == 8 }
    let metrics = await cluster.coordinator.metrics
    #expect(metrics.hedges == 1 && metrics.hedgesWon == 1 && metrics.jobsEnded == 7 && metrics.leasesGiven == 8)
    #expect(await client.workers().allSatisfy { $0.leaseCount == 0 })
    await cluster.stop(first, second)
  }
}
