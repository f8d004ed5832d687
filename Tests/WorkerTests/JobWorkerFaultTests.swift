import Messaging
import Serving
import TestKit
import Testing

@testable import Worker

/// A worker whose messages get lost, doubled and out of order, both ways, from a printed seed.
@Suite("JobWorker: faults", .timeLimit(.minutes(10))) struct JobWorkerFaultTests {
  /// Every job that was begun is reported, with exactly one measurement, whatever happens to the messages.
  /// A message that cannot be encoded is not the end of all others: a report goes without its samples then.
  @Test func oneMessageThatCannotBeSent() async throws {
    let network = InProcessNetwork()
    let directory = TemporaryFolder()
    let coordinator = TestCoordinator(network.serverEndpoint, confirms: true)
    try await coordinator.start()
    let executor = ScriptedExecutor()
    let worker = JobWorker(
      options: JobWorkerOptions(name: WorkerName("worker"), jobCapacity: 2),
      endpoint: SmallMessages(network.connect(name: "worker", role: .worker)), executor: executor,
      reports: try ReportStore(directory: directory.path + "/reports"),
      models: ModelReceiver(directory: directory.path + "/models") { _ in false }, clock: ManualClock())
    let life = Task { try await worker.run() }
    await coordinator.heard { !$0.hellos.isEmpty }
    await coordinator.send(.assignment(Fixtures.jobLease("lease", Fixtures.job("job"))))
    var measurement = Fixtures.measurement("m")
    measurement.samples = [RequestTimeline(sentAtSeconds: 0, tokenSeconds: [0.1], promptTokenCount: 1)]
    executor.finish("job", with: measurement)
    let report = await coordinator.heard { !$0.reports.isEmpty }.reports[0]
    #expect(report.measurement.samples.isEmpty && report.measurement.warnings.count == 1)
    life.cancel()
    try await life.value
  }

  @Test(arguments: 0..<10 as Range<UInt64>) func everyResultArrives(seed: UInt64) async throws {
    let network = InProcessNetwork()
    let directory = TemporaryFolder()
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
    // Of what has begun when it is looked: an assignment may come later still.
    let expected: @Sendable () -> Set<String> = { Set(executor.begun.map { $0.replacing("job-", with: "m-") }) }
    let reports = await coordinator.heard { messages in
      let wanted = expected()
      return !wanted.isEmpty && wanted.isSubset(of: messages.reports.map(\.measurement.id.rawValue))
    }.reports
    let begunJobs = executor.begun
    #expect(Set(begunJobs).count == begunJobs.count, "seed \(seed): a job was begun twice")
    #expect(expected().isSuperset(of: reports.map(\.measurement.id.rawValue)), "seed \(seed)")
    life.cancel()
    try await life.value
  }
}

/// A connection whose messages hold no samples.
private final class SmallMessages: ClientEndpoint {
  private let base: any ClientEndpoint

  init(_ base: any ClientEndpoint) { self.base = base }

  var events: AsyncStream<ConnectionEvent> { base.events }

  func send(_ message: Message) async throws(ApusError) {
    if case .report(let report) = message, !report.measurement.samples.isEmpty {
      throw ApusError(.badInput, "the message is too large")
    }
    try await base.send(message)
  }

  func close() { base.close() }
}
