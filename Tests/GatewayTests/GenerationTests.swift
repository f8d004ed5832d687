import Messaging
import Serving
import Testing

@testable import Gateway

/// A client that goes away, at whatever moment, leaves no job running for nobody.
@Suite(.timeLimit(.minutes(10))) struct GenerationTests {
  private func spec(key: String? = nil) -> JobSpec {
    JobSpec(
      model: ModelID("m"), prompt: .text("p"), maxTokens: 4, idempotencyKey: key, isBound: key == nil ? true : nil)
  }

  private func job(_ name: String, _ spec: JobSpec, _ state: JobState = .queued) -> JobRecord {
    JobRecord(id: JobID(name), client: "c", spec: spec, submittedAtMS: 0, standing: JobStanding(state: state))
  }

  @Test("Gone while some of its jobs are accepted and others not yet: all are cancelled")
  func goneWhileItStarts() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      let spec = spec()
      let starting = Task {
        try await Generation.start([spec, spec], for: ClientPresence(), over: link, patience: .seconds(600))
      }
      let (first, second) = (await coordinator.next(), await coordinator.next())
      coordinator.answer(first.id, .accepted(job("one", spec)))
      starting.cancel()
      await #expect(throws: CancellationError.self) { _ = try await starting.value }
      coordinator.answer(second.id, .accepted(job("two", spec)))
      #expect(await coordinator.cancelled(2) == [JobID("one"), JobID("two")])
    }
  }

  @Test("Gone after its job was accepted and before anybody read so")
  func goneBeforeTheAcceptanceIsRead() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      do {
        let answers = await link.answers(to: .submit(spec()))
        coordinator.answer(await coordinator.next().id, .accepted(job("one", spec())))
        // Answers come in order: with this one, the acceptance is there.
        let later = Task { try await link.ask(.listWorkers) }
        coordinator.answer(await coordinator.next().id, .workers([]))
        let workers = try await later.value
        #expect(workers == .workers([]))
        withExtendedLifetime(answers) {}
      }
      #expect(await coordinator.cancelled(1) == [JobID("one")])
    }
  }

  @Test("Abandoned in the middle")
  func abandoned() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      let spec = spec()
      let starting = Task {
        try await Generation.start([spec], for: ClientPresence(), over: link, patience: .seconds(600))
      }
      coordinator.answer(await coordinator.next().id, .accepted(job("one", spec)))
      let generation = try await starting.value
      #expect(generation.jobs.map(\.id) == [JobID("one")])
      generation.abandon()
      #expect(await coordinator.cancelled(1) == [JobID("one")])
    }
  }

  @Test("One that is refused takes the others with it")
  func refused() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      let spec = spec()
      let starting = Task {
        try await Generation.start([spec, spec], for: ClientPresence(), over: link, patience: .seconds(600))
      }
      let (first, second) = (await coordinator.next(), await coordinator.next())
      coordinator.answer(first.id, .accepted(job("one", spec)))
      coordinator.answer(second.id, .failure(ApusError(.tryAgain, "full")))
      let error = await #expect(throws: ApusError.self) { _ = try await starting.value }
      #expect(error?.code == .tryAgain)
      #expect(await coordinator.cancelled(1) == [JobID("one")])
    }
  }

  @Test("Patience ends only while no node can run the job")
  func patience() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      let spec = spec(key: "k")
      let starting = Task {
        try await Generation.start([spec], for: ClientPresence(), over: link, patience: .milliseconds(1))
      }
      let submission = await coordinator.next()
      coordinator.answer(submission.id, .accepted(job("one", spec)))
      let generation = try await starting.value
      coordinator.answer(submission.id, .jobWaiting(JobID("one"), reason: "no worker has it"))
      // A worker came, and loads the model.
      let first = await coordinator.next()
      #expect(first.request == .showJob(JobID("one")))
      coordinator.answer(first.id, .job(job("one", spec, .running), nil))
      // It is gone again, and none comes.
      coordinator.answer(submission.id, .jobWaiting(JobID("one"), reason: "no worker has it"))
      let second = await coordinator.next()
      var waiting = job("one", spec)
      waiting.waitReason = "no worker has it"
      coordinator.answer(second.id, .job(waiting, nil))
      let error = await #expect(throws: ApusError.self) { for try await _ in generation.events {} }
      #expect(error?.code == .unavailable && error?.reason == "no node can run it: no worker has it")
    }
  }

  @Test("A job that has ended, or that has a key, is left alone")
  func leftAlone() async throws {
    try await ScriptedCoordinator.withLink { link, coordinator in
      let (ending, keyed) = (spec(), spec(key: "k"))
      let starting = Task {
        try await Generation.start([ending, keyed], for: ClientPresence(), over: link, patience: .seconds(600))
      }
      for _ in 0..<2 {
        let question = await coordinator.next()
        guard case .submit(let spec) = question.request else { continue }
        coordinator.answer(question.id, .accepted(job(spec == keyed ? "keyed" : "ending", spec)))
        if spec == ending { coordinator.answer(question.id, .jobEnded(JobEnd(job("ending", ending, .completed), nil))) }
      }
      let generation = try await starting.value
      var events = generation.events.makeAsyncIterator()
      let event = try #require(try await events.next())
      guard case .ended(let record, nil) = event.kind else {
        Issue.record("\(event)")
        return
      }
      #expect(record.id == JobID("ending"))
      generation.abandon()
      // The followers have stopped when their events end; nothing was asked for meanwhile but this.
      while (try? await events.next()) != nil {}
      let later = Task { try await link.ask(.listWorkers) }
      let question = await coordinator.next()
      #expect(question.request == .listWorkers)
      coordinator.answer(question.id, .workers([]))
      _ = try await later.value
    }
  }
}
