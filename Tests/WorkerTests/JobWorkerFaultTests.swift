import Messaging
import Serving
import TestKit
import Testing

@testable import Worker

/// A worker whose messages get lost, doubled and out of order, both ways, from a printed seed.
@Suite("JobWorker: faults", .timeLimit(.minutes(10))) struct JobWorkerFaultTests {
  /// Every job that was begun is reported, with exactly one measurement, whatever happens to the messages.
  @Test(arguments: 0..<10 as Range<UInt64>) func everyResultArrives(seed: UInt64) async throws {
    let network = InProcessNetwork()
    let directory = try TemporaryDirectory()
    let coordinator = TestCoordinator(network.serverEndpoint, confirms: true)
    try await coordinator.start()
    let faults = FaultPlan(seed: seed, dropShare: 0.2, doubleShare: 0.2, holdShare: 0.2)
    let endpoint = FaultyClientEndpoint(
      network.connect(name: "worker", role: .worker), incoming: faults, outgoing: faults)
    let executor = ScriptedExecutor()
    // Real time, in small steps: resending is what the test is about, and nothing waits for a step to be over.
    let worker = JobWorker(
      options: JobWorkerOptions(
        name: WorkerName("worker"), jobCapacity: 30, reportResendAfter: .milliseconds(5),
        helloInterval: .milliseconds(5)),
      endpoint: endpoint, executor: executor,
      reports: try ReportStore(directory: directory.path + "/reports"),
      models: ModelReceiver(directory: directory.path + "/models") { _ in false })
    let life = Task { try await worker.run() }
    await coordinator.heard { !$0.hellos.isEmpty }
    await coordinator.send(.welcome(Welcome(peer: "worker", heartbeatMS: 10)))
    for number in 0..<30 {
      await coordinator.send(.assignment(Fixtures.jobLease("lease-\(number)", Fixtures.job("job-\(number)"))))
      executor.finish("job-\(number)", "m-\(number)")
    }
    // An assignment that was held back comes with later messages; a heartbeat of the worker brings none, so the
    // coordinator sends one more message now and then, as a real one does.
    var begun = executor.begun.count
    repeat {
      begun = executor.begun.count
      for _ in 0..<5 { await coordinator.send(.revoke(LeaseID("nobody"))) }
      let count = await coordinator.messages.heartbeats.count
      await coordinator.heard { $0.heartbeats.count > count + 1 }
    } while executor.begun.count > begun
    let expected = Set(executor.begun.map { $0.replacing("job-", with: "m-") })
    #expect(!expected.isEmpty, "seed \(seed)")
    let reports = await coordinator.heard { messages in
      Set(messages.reports.map(\.measurement.id.rawValue)).isSuperset(of: expected)
    }.reports
    #expect(Set(reports.map(\.measurement.id.rawValue)) == expected, "seed \(seed)")
    #expect(Set(executor.begun).count == executor.begun.count, "seed \(seed): a job was begun twice")
    life.cancel()
    try await life.value
  }
}
