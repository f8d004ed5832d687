import Foundation
import Messaging
import Serving
import TestKit
import Testing

@testable import Worker

/// The conversation over the in-process transport. What a test waits for is a message; time moves only by the test.
@Suite("JobWorker", .timeLimit(.minutes(10))) struct JobWorkerTests {
  @Test func introducesItselfAndBeats() async throws {
    let test = try await WorkerUnderTest()
    let hello = try #require(await test.coordinator.messages.hellos.first)
    #expect(hello.hardware == Fixtures.hardware)
    #expect(hello.models == [Fixtures.model()])
    #expect(hello.jobCapacity == 2)
    #expect(hello.leases.isEmpty)
    await test.caughtUp()
    for count in 1...3 {
      await test.clock.untilSleeping()
      test.clock.advance(by: .milliseconds(TestCoordinator.heartbeatMS))
      let beats = await test.coordinator.heard { $0.heartbeats.count >= count }.heartbeats
      #expect(beats.last == Heartbeat(leases: [], warmConfigurations: ["warm"]))
    }
    try await test.stop()
    #expect(test.executor.isStopped)
  }

  /// A hello that nobody answered may have been lost: it is repeated.
  @Test func repeatsItsHello() async throws {
    let test = try await WorkerUnderTest(welcomes: false)
    await test.clock.untilSleeping()
    test.clock.advance(by: .seconds(2))
    await test.coordinator.heard { $0.hellos.count == 2 }
    #expect(await test.coordinator.messages.heartbeats.isEmpty)
    try await test.stop()
  }

  /// The first token goes at once, later ones together after the flush interval, with indexes that go on from what the
  /// user has seen; then the report, and with its confirmation the file of it is gone.
  @Test func runsAJob() async throws {
    let test = try await WorkerUnderTest()
    var job = Fixtures.job()
    job.generatedTokenIDs = [7, 8]
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease", job)))
    test.executor.tell("job", .tokens([1], "a"))
    #expect(await test.coordinator.heard { $0.chunks.count == 1 }.chunks[0].firstIndex == 2)
    await test.clock.untilSleeping()
    test.executor.tell("job", .tokens([2], "b"))
    test.executor.tell("job", .tokens([3], "c"))
    // The beat and the flush both sleep.
    await test.clock.untilSleeping(2)
    await test.caughtUp()
    test.executor.finish("job", "m", output: "abc", .stop)
    let heard = await test.coordinator.heard { !$0.reports.isEmpty }
    #expect(heard.chunks.flatMap(\.tokenIDs) == [1, 2, 3])
    #expect(heard.chunks.map(\.text).joined() == "abc")
    #expect(heard.chunks.last?.firstIndex == 3)
    #expect(heard.reports[0].lease == LeaseID("lease"))
    #expect(heard.reports[0].output == "abc" && heard.reports[0].finishReason == .stop)
    #expect(heard.reports[0].isLast)
    await test.coordinator.send(.reportStored(MeasurementID("m")))
    await test.caughtUp()
    try await test.stop()
    #expect(try reportFiles(test).isEmpty)
  }

  /// Tokens that wait for more go when the flush interval is over, without a report to push them. One that comes after
  /// the interval goes at once.
  @Test func flushesWaitingTokens() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    test.executor.tell("job", .tokens([1], "a"))
    test.executor.tell("job", .tokens([2], "b"))
    await test.coordinator.heard { $0.chunks.count == 1 }
    await test.clock.untilSleeping(2)
    test.clock.advance(by: .milliseconds(20))
    await test.coordinator.heard { $0.chunks.count == 2 }
    test.clock.advance(by: .milliseconds(20))
    test.executor.tell("job", .tokens([3], "c"))
    await test.coordinator.heard { $0.chunks.count == 3 }
    try await test.stop()
  }

  /// One flush takes the waiting tokens of all jobs, those that began to wait later, too; then another can begin.
  @Test func flushesAllJobsTogether() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    for name in ["first", "second"] {
      await test.coordinator.send(.assignment(Fixtures.jobLease(name, Fixtures.job(name))))
      test.executor.tell(name, .tokens([1], "a"))
    }
    await test.coordinator.heard { $0.chunks.count == 2 }
    for round in 1...2 {
      test.executor.tell("first", .tokens([2], "b"))
      // The beat and the flush both sleep.
      await test.clock.untilSleeping(2)
      test.clock.advance(by: .milliseconds(15))
      test.executor.tell("second", .tokens([2], "b"))
      await test.executor.untilHandedOn(2 + 2 * round)
      test.clock.advance(by: .milliseconds(5))
      await test.coordinator.heard { $0.chunks.count == 2 + 2 * round }
    }
    try await test.stop()
  }

  /// When models came or went the coordinator is told, but not while a trial runs: to read a new one takes a while.
  @Test func saysWhichModelsItHasNow() async throws {
    let test = try await WorkerUnderTest(confirms: true, modelCheckInterval: .milliseconds(100))
    await test.coordinator.send(.assignment(Fixtures.trialLease("lease")))
    await test.caughtUp()
    test.executor.change(models: [])
    for _ in 0..<3 {
      await test.clock.untilSleeping(2)
      test.clock.advance(by: .milliseconds(100))
    }
    await test.caughtUp()
    #expect(await test.coordinator.messages.hellos.count == 1)
    test.executor.tell("trial", .measured(Fixtures.measurement("m"), isLast: true))
    test.executor.tell("trial", .end(nil, output: ""))
    await test.coordinator.heard { !$0.reports.isEmpty }
    await test.clock.untilSleeping(2)
    test.clock.advance(by: .milliseconds(100))
    let heard = await test.coordinator.heard { $0.hellos.count == 2 }
    #expect(heard.hellos[0].models.count == 1 && heard.hellos[1].models.isEmpty)
    try await test.stop()
  }

  /// A report is sent until it is confirmed.
  @Test func resendsUnconfirmedReports() async throws {
    let test = try await WorkerUnderTest()
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    test.executor.finish("job", "m")
    await test.coordinator.heard { $0.reports.count == 1 }
    // The lease is still named: its work must not be given away while its report is on the way.
    for _ in 0..<5 {
      await test.clock.untilSleeping()
      test.clock.advance(by: .seconds(1))
    }
    let heard = await test.coordinator.heard { $0.reports.count == 2 }
    #expect(heard.reports[0] == heard.reports[1])
    #expect(heard.heartbeats.allSatisfy { $0.leases == [LeaseID("lease")] })
    await test.coordinator.send(.reportStored(MeasurementID("m")))
    await test.caughtUp()
    let count = await test.coordinator.messages.heartbeats.count
    await test.clock.untilSleeping()
    test.clock.advance(by: .seconds(10))
    let later = await test.coordinator.heard { $0.heartbeats.count > count }
    #expect(later.reports.count == 2)
    #expect(later.heartbeats.last?.leases == [])
    try await test.stop()
  }

  /// A job's report that is confirmed at once is in no file; one that is not is, once the next beat finds it.
  @Test func savesWhatIsNotConfirmed() async throws {
    let test = try await WorkerUnderTest()
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    test.executor.finish("job", "m")
    await test.coordinator.heard { $0.reports.count == 1 }
    #expect(try reportFiles(test).isEmpty)
    let count = await test.coordinator.messages.heartbeats.count
    for beat in 1...2 {
      await test.clock.untilSleeping()
      test.clock.advance(by: .seconds(1))
      await test.coordinator.heard { $0.heartbeats.count >= count + beat }
    }
    #expect(try reportFiles(test).count == 1)
    await test.coordinator.send(.reportStored(MeasurementID("m")))
    await test.caughtUp()
    try await test.stop()
    #expect(try reportFiles(test).isEmpty)
  }

  /// The same assignment again, while it runs and after it ended, starts nothing.
  @Test func ignoresDuplicates() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    let assignment = Message.assignment(Fixtures.jobLease("lease"))
    await test.coordinator.send(assignment)
    await test.coordinator.send(assignment)
    test.executor.finish("job", "m")
    await test.coordinator.heard { !$0.reports.isEmpty }
    await test.coordinator.send(assignment)
    await test.caughtUp()
    #expect(test.executor.begun == ["job"])
    try await test.stop()
  }

  /// What is more than the worker can run comes back at once as cancelled, with the reason.
  @Test func refusesTooMuch() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    for name in ["a", "b", "c"] {
      await test.coordinator.send(.assignment(Fixtures.jobLease("lease-\(name)", Fixtures.job(name))))
    }
    await test.coordinator.send(.assignment(Fixtures.trialLease("lease-t")))
    let reports = await test.coordinator.heard { $0.reports.count == 2 }.reports
    #expect(reports.map(\.lease) == [LeaseID("lease-c"), LeaseID("lease-t")])
    for report in reports {
      #expect(report.measurement.outcome == .cancelled)
      #expect(report.measurement.warnings.first?.hasPrefix("not started") == true)
      #expect(report.measurement.model == Fixtures.model())
    }
    // What is refused leaves no trace on the disk: after a restart its lease is nobody's.
    #expect(try reportFiles(test).isEmpty)
    for name in ["a", "b"] { test.executor.finish(name, "m-\(name)") }
    await test.coordinator.heard { $0.reports.count == 4 }
    #expect(Set(test.executor.begun) == ["a", "b"])
    try await test.stop()
  }

  @Test func revokes() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    await test.coordinator.send(.revoke(LeaseID("unknown")))
    await test.coordinator.send(.revoke(LeaseID("lease")))
    let report = await test.coordinator.heard { !$0.reports.isEmpty }.reports[0]
    #expect(report.lease == LeaseID("lease"))
    #expect(report.measurement.outcome == .cancelled)
    try await test.stop()
  }

  /// Blocks are reported as they come; the last one only once the trial has let go of the machine, so that the next
  /// trial is welcome with its confirmation.
  @Test func runsATrial() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    await test.coordinator.send(.assignment(Fixtures.trialLease("lease")))
    test.executor.tell("trial", .measured(Fixtures.measurement("m1"), isLast: false))
    await test.coordinator.heard { $0.reports.count == 1 }
    test.executor.tell("trial", .measured(Fixtures.measurement("m2"), isLast: true))
    await test.caughtUp()
    #expect(await test.coordinator.messages.reports.count == 1)
    test.executor.tell("trial", .end(nil, output: ""))
    let reports = await test.coordinator.heard { $0.reports.count == 2 }.reports
    #expect(reports.map(\.isLast) == [false, true])
    #expect(reports[1].measurement.id == MeasurementID("m2"))
    await test.coordinator.send(.assignment(Fixtures.trialLease("next", Fixtures.trial("next"))))
    await test.caughtUp()
    test.executor.tell("next", .end(nil, output: ""))
    // A trial that says nothing at all still ends its lease.
    let last = await test.coordinator.heard { $0.reports.count == 3 }.reports[2]
    #expect(last.lease == LeaseID("next"))
    #expect(last.measurement.outcome == .cancelled)
    #expect(test.executor.begun == ["trial", "next"])
    try await test.stop()
  }

  /// While too many results are unconfirmed a trial waits before its next block, and nothing new is begun.
  @Test func waitsForRoomForResults() async throws {
    let test = try await WorkerUnderTest(reportCapacity: 1)
    await test.coordinator.send(.assignment(Fixtures.trialLease("lease")))
    for number in 1...3 {
      test.executor.tell("trial", .measured(Fixtures.measurement("m\(number)"), isLast: number == 3))
    }
    test.executor.tell("trial", .end(nil, output: ""))
    await test.coordinator.heard { $0.reports.count == 1 }
    await test.coordinator.send(.assignment(Fixtures.jobLease("other")))
    let refusal = await test.coordinator.heard { $0.reports.count == 2 }.reports[1]
    #expect(refusal.lease == LeaseID("other"))
    #expect(test.executor.begun == ["trial"])
    await test.coordinator.send(.reportStored(refusal.measurement.id))
    await test.caughtUp()
    #expect(await test.coordinator.messages.reports.count == 2)
    await test.coordinator.send(.reportStored(MeasurementID("m1")))
    await test.coordinator.heard { $0.reports.count == 3 }
    await test.caughtUp()
    #expect(await test.coordinator.messages.reports.count == 3)
    await test.coordinator.send(.reportStored(MeasurementID("m2")))
    let last = await test.coordinator.heard { $0.reports.count == 4 }.reports[3]
    #expect(last.measurement.id == MeasurementID("m3"))
    #expect(last.isLast)
    await test.coordinator.send(.reportStored(MeasurementID("m3")))
    try await test.stop()
  }

  // MARK: refusals

  /// A refusal that is final ends the worker with the coordinator's own error; others do not.
  @Test(arguments: [FailureCode.keyRefused, .unavailable]) func finalRefusals(code: FailureCode) async throws {
    let test = try await WorkerUnderTest()
    let refusal = ApusError(code, "go away", advice: "never come back")
    await test.coordinator.send(.refused(ApusError(.badInput, "that was no message")))
    await test.coordinator.send(.refused(refusal))
    await #expect(throws: refusal) { try await test.life.value }
    #expect(test.executor.isStopped)
  }

  @Test func otherProtocolVersion() async throws {
    let test = try await WorkerUnderTest(welcomes: false)
    await test.coordinator.send(.welcome(Welcome(version: protocolVersion + 1, peer: "worker", heartbeatMS: 1000)))
    do {
      try await test.life.value
      Issue.record("a worker of another version went on")
    } catch {
      #expect((error as? ApusError)?.code == .unavailable)
    }
  }

  /// A coordinator that forgot the worker asks it to try again: it says hello before anything else.
  @Test func greetsAgain() async throws {
    let test = try await WorkerUnderTest()
    await test.coordinator.send(.refused(ApusError(.tryAgain, "who are you?")))
    await test.coordinator.heard { $0.hellos.count == 2 }
    try await test.stop()
  }

  // MARK: reconnecting

  /// After a break the worker names the lease it still works on, and tokens and the report come again.
  @Test func reconnects() async throws {
    let test = try await WorkerUnderTest()
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    test.executor.tell("job", .tokens([1], "a"))
    await test.coordinator.heard { $0.chunks.count == 1 }
    test.network.interrupt(name: "worker")
    let heard = await test.coordinator.heard { $0.hellos.count == 2 && $0.chunks.count == 2 }
    #expect(heard.hellos[1].leases == [LeaseID("lease")])
    #expect(heard.chunks[0] == heard.chunks[1])
    test.executor.finish("job", "m")
    await test.coordinator.heard { $0.reports.count == 1 }
    test.network.interrupt(name: "worker")
    let again = await test.coordinator.heard { $0.reports.count == 2 }
    #expect(again.reports[0] == again.reports[1])
    await test.coordinator.send(.reportStored(MeasurementID("m")))
    try await test.stop()
  }

  /// A coordinator that was restarted hears of the lease and gets the result of work its predecessor gave.
  @Test func coordinatorRestarts() async throws {
    let test = try await WorkerUnderTest()
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    await test.caughtUp()
    let next = TestCoordinator(test.network.restartServer(), confirms: true)
    try await next.start()
    let hello = await next.heard { !$0.hellos.isEmpty }.hellos[0]
    #expect(hello.leases == [LeaseID("lease")])
    test.executor.finish("job", "m", output: "all")
    let report = await next.heard { !$0.reports.isEmpty }.reports[0]
    #expect(report.output == "all")
    try await test.stop()
  }

  /// A worker that was killed after measuring sends its result once it runs again, and names its lease in the hello.
  @Test func resultsOutliveTheWorker() async throws {
    let first = try await WorkerUnderTest()
    await first.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    first.executor.finish("job", "m", output: "kept")
    await first.coordinator.heard { !$0.reports.isEmpty }
    // It is not confirmed, so the next beat writes it down; at the one after that it is there.
    for beats in 1...2 {
      await first.clock.untilSleeping()
      first.clock.advance(by: .seconds(1))
      await first.coordinator.heard { $0.heartbeats.count >= beats }
    }
    // The first one is not told to stop before the second has its report: its files are all that is handed on.
    let second = try await WorkerUnderTest(confirms: true, directory: first.directory)
    let heard = await second.coordinator.heard { !$0.reports.isEmpty }
    #expect(heard.hellos[0].leases == [LeaseID("lease")])
    #expect(heard.reports[0].measurement.id == MeasurementID("m"))
    #expect(heard.reports[0].output == "kept")
    await second.caughtUp()
    try await second.stop()
    #expect(try reportFiles(second).isEmpty)
    await first.coordinator.send(.reportStored(MeasurementID("m")))
    try await first.stop()
  }

  /// When it is told to stop it cancels what runs, says so, and waits for the confirmation; without one it gives up.
  @Test(arguments: [true, false]) func stops(confirms: Bool) async throws {
    let test = try await WorkerUnderTest(confirms: confirms)
    await test.coordinator.send(.assignment(Fixtures.jobLease("lease")))
    await test.caughtUp()
    test.life.cancel()
    let report = await test.coordinator.heard { !$0.reports.isEmpty }.reports[0]
    #expect(report.measurement.outcome == .cancelled)
    if !confirms {
      await test.clock.untilSleeping(2)
      test.clock.advance(by: .seconds(1))
    }
    try await test.life.value
    #expect(test.executor.ended == ["job"])
    #expect(test.executor.isStopped)
  }

  // MARK: models

  /// A model that arrived whole is announced with another hello; the file is where the worker's models are.
  @Test func announcesReceivedModels() async throws {
    let test = try await WorkerUnderTest()
    var model = Fixtures.model()
    // SHA-256 of "apus".
    model.id = ModelID("478ba9965f38aaad7af3fe3a4bdd107d9cb68a35e398f53e3bcb40a00771fd3a")
    test.executor.add(model: model)
    for range in [0..<0, 0..<2, 2..<4] {
      let bytes = Array(Array("apus".utf8)[range])
      await test.coordinator.send(
        .modelChunk(
          ModelChunk(model: model.id, name: "bird", totalBytes: 4, offset: range.lowerBound, bytes: bytes)))
    }
    let heard = await test.coordinator.heard { $0.offsets.count == 3 && $0.hellos.count == 2 }
    #expect(heard.offsets.map(\.offset) == [0, 2, 4])
    #expect(heard.offsets.map(\.isComplete) == [false, false, true])
    #expect(heard.hellos[1].models.map(\.id) == [Fixtures.model().id, model.id])
    #expect(FileManager.default.fileExists(atPath: test.directory.path + "/models/bird.gguf"))
    try await test.stop()
  }

  // MARK: launches

  /// A question for a launch is answered under its number, a refusal too, and nothing is started.
  @Test func answersLaunchQueries() async throws {
    let test = try await WorkerUnderTest()
    func query(_ engine: String) -> LaunchQuery {
      LaunchQuery(
        model: Fixtures.model().id, configuration: EngineConfiguration(engine: EngineName(engine)),
        contextTokens: 512, host: "0.0.0.0", port: 9000)
    }
    await test.coordinator.send(.launchQuery(id: 7, query("scripted")))
    await test.coordinator.send(.launchQuery(id: 8, query("none")))
    let answers = await test.coordinator.heard { $0.launchAnswers.count == 2 }.launchAnswers
    #expect(answers.map(\.id) == [7, 8])
    let launch = try answers[0].result.get()
    #expect(launch.host == "0.0.0.0" && launch.port == 9000 && launch.memoryBytes == 512)
    guard case .failure(let refusal) = answers[1].result else {
      Issue.record("an engine that is not there has a launch")
      return
    }
    #expect(refusal.code == .unavailable)
    #expect(test.executor.begun.isEmpty)
    try await test.stop()
  }

  private func reportFiles(_ test: WorkerUnderTest) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: test.directory.path + "/reports")
  }

  private func wish(_ model: String = "model") -> EngineWarmUp {
    EngineWarmUp(
      model: ModelID(model), configuration: Fixtures.candidate(slots: 8).configuration, contextTokens: 2048)
  }

  /// What is being loaded for jobs to come is in the next heartbeat, and the end of it in one of its own.
  @Test func saysWhatItWarmsUp() async throws {
    let test = try await WorkerUnderTest()
    let wish = wish()
    await test.coordinator.send(.warmUp(wish))
    await test.caughtUp()
    await test.clock.untilSleeping()
    test.clock.advance(by: .milliseconds(TestCoordinator.heartbeatMS))
    let fingerprint = wish.configuration.fingerprint
    let loading = await test.coordinator.heard { !$0.heartbeats.isEmpty }.heartbeats
    #expect(loading.last?.warmingConfiguration == fingerprint && loading.last?.warmConfigurations == ["warm"])
    test.executor.finish("model", "loaded")
    let loaded = await test.coordinator.heard { $0.heartbeats.count > loading.count }.heartbeats
    #expect(loaded.last == Heartbeat(leases: [], warmConfigurations: ["warm", fingerprint]))
    try await test.stop()
  }

  /// One that fails is over, and nothing is reported: no job had it.
  @Test func failedWarmUpsAreNoResults() async throws {
    let test = try await WorkerUnderTest()
    await test.coordinator.send(.warmUp(wish()))
    test.executor.tell("model", .end(nil, output: ""))
    let beats = await test.coordinator.heard { !$0.heartbeats.isEmpty }.heartbeats
    #expect(beats.last == Heartbeat(leases: [], warmConfigurations: ["warm"]))
    #expect(await test.coordinator.messages.reports.isEmpty)
    await test.coordinator.send(.warmUp(wish("next")))
    test.executor.finish("next", "loaded")
    await test.coordinator.heard { $0.heartbeats.contains { $0.warmConfigurations.count == 2 } }
    try await test.stop()
  }

  /// Beside work nothing is loaded that nobody asked for, and one after the other.
  @Test func warmsUpOnlyWhenIdle() async throws {
    let test = try await WorkerUnderTest(confirms: true)
    await test.coordinator.send(.assignment(Fixtures.trialLease("lease")))
    await test.coordinator.send(.warmUp(wish("beside")))
    await test.caughtUp()
    test.executor.finish("trial", with: Fixtures.measurement("m"))
    await test.coordinator.heard { !$0.reports.isEmpty }
    await test.coordinator.send(.warmUp(wish("first")))
    await test.coordinator.send(.warmUp(wish("second")))
    await test.caughtUp()
    test.executor.finish("first", "loaded")
    await test.coordinator.heard { !$0.heartbeats.isEmpty }
    #expect(Set(test.executor.begun) == ["trial", "first"])
    try await test.stop()
  }
}
