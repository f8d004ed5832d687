import Coordinator
import Messaging
import Serving
import Testing

/// Each test tells one short story to a ledger and looks at what it wants done.
@Suite struct JobLedgerTests {
  /// A ledger with workers `a` (machine-1) and `b` (machine-2), where every ranking prefers `a`.
  private struct Story {
    var ledger: JobLedger
    var now = Duration.zero
    var actions: [LedgerAction] = []
    let answersRankings: Bool

    init(limits: JobLedger.Limits = JobLedger.Limits(), capacity: Int = 1, answersRankings: Bool = true) {
      var generator = SeededGenerator(seed: 1)
      ledger = JobLedger(limits: limits, using: &generator)
      self.answersRankings = answersRankings
      tell(.workerJoined("a", Fixture.worker(machine: "machine-1", capacity: capacity)))
      tell(.workerJoined("b", Fixture.worker(machine: "machine-2", capacity: capacity)))
    }

    @discardableResult mutating func tell(_ event: LedgerEvent, after seconds: Double = 0) -> [LedgerAction] {
      now += .seconds(seconds)
      actions = ledger.handle(event, at: now)
      guard answersRankings else { return actions }
      let keys = actions.compactMap { if case .rank(let key) = $0 { key } else { nil } }
      actions.removeAll { if case .rank = $0 { true } else { false } }
      for key in keys {
        actions += ledger.handle(.routed(key, [Fixture.choice("a"), Fixture.choice("b")]), at: now)
      }
      return actions
    }

    /// The lease and the worker of the last job assigned by the last event.
    var assigned: (lease: LeaseID, worker: WorkerName, job: JobAssignment)? {
      for case .assign(let worker, let assignment, _) in actions.reversed() {
        if case .job(let job) = assignment.work { return (assignment.lease, worker, job) }
      }
      return nil
    }

    var startedTrial: (lease: LeaseID, worker: WorkerName, trial: TrialID)? {
      for case .assign(let worker, let assignment, _) in actions {
        if case .trial(let spec) = assignment.work { return (assignment.lease, worker, spec.id) }
      }
      return nil
    }

    var revoked: [LeaseID] {
      actions.compactMap { if case .revoke(_, let lease) = $0 { lease } else { nil } }
    }

    var endings: [JobRecord] {
      actions.compactMap { if case .storeEnding(let record) = $0 { record } else { nil } }
    }

    mutating func tokens(_ lease: LeaseID, _ job: JobID, from first: Int, count: Int = 1, worker: WorkerName = "a")
      -> [LedgerAction]
    {
      tell(
        .tokens(
          worker,
          TokenChunk(
            job: job, lease: lease, firstIndex: first, tokenIDs: (first..<first + count).map(Int32.init), text: "t")))
    }
  }

  @Test("A key is ranked once for many jobs, and its jobs wait for the answer")
  func ranksOncePerKey() {
    var story = Story(capacity: 2, answersRankings: false)
    #expect(story.tell(.jobStored(Fixture.job("one"))) == [.rank(RouteKey(Fixture.spec()))])
    #expect(story.tell(.jobStored(Fixture.job("two"))) == [])
    let actions = story.tell(.routed(RouteKey(Fixture.spec()), [Fixture.choice("a")]))
    #expect(actions.count == 2)
    #expect(story.ledger.leaseCount(of: "a") == 2)
  }

  @Test("What a prompt's bytes were in tokens is learned from a model's jobs: the same prompt is foreseen longer")
  func learnsTokenLengths() {
    var story = Story(answersRankings: false)
    func job(_ name: String, _ model: String = "model") -> JobRecord {
      let spec = Fixture.spec(String(repeating: "abcd", count: 1000), model: Fixture.model(model))
      return JobRecord(id: JobID(name), client: "client", spec: spec, submittedAtMS: 0)
    }
    func foreseenTokens() -> [Int] {
      story.actions.compactMap { if case .rank(let key) = $0 { key.promptTokens } else { nil } }
    }
    let key = RouteKey(job("one").spec)
    story.tell(.jobStored(job("one")))
    #expect(foreseenTokens() == [1024])
    story.tell(.routed(key, [Fixture.choice("a")]))
    let lease = story.assigned!.lease
    var report = Fixture.report(lease, job: "one", worker: "a")
    report.measurement.workload.promptTokens = 2000...2000
    story.tell(.report("a", report))
    story.tell(.reportStored(lease, report.measurement.id))
    story.tell(.jobStored(job("two")))
    #expect(foreseenTokens() == [2048])
    story.tell(.jobStored(job("other", "other")))
    #expect(foreseenTokens() == [1024], "each model has its own tokenizer")
  }

  @Test("Jobs with nowhere to go are named once: all when the last worker goes, then each that comes")
  func stranded() throws {
    var story = Story(answersRankings: false)
    let key = RouteKey(Fixture.spec())
    func stranded(_ actions: [LedgerAction]) -> [JobID] {
      actions.compactMap { if case .jobStranded(let record) = $0 { record.id } else { nil } }
    }
    story.tell(.jobStored(Fixture.job("one")))
    #expect(!story.ledger.isStranded("one"), "it is being ranked")
    story.tell(.routed(key, [Fixture.choice("a"), Fixture.choice("b")]))
    #expect(stranded(story.tell(.jobStored(Fixture.job("two")))) == [])
    #expect(stranded(story.tell(.jobStored(Fixture.job("three")))) == [], "both workers are busy, and there")
    #expect(stranded(story.tell(.workerLost("a"))) == [])
    #expect(stranded(story.tell(.workerLost("b"))).sorted() == ["one", "three", "two"])
    #expect(story.ledger.isStranded("three"))
    #expect(stranded(story.tell(.tick)) == [])
    #expect(stranded(story.tell(.jobStored(Fixture.job("four")))) == ["four"])
    story.tell(.cancel("four"))
    #expect(!story.ledger.isStranded("four"))
    // A worker comes that has the model: it is ranked again, and its jobs go on.
    #expect(stranded(story.tell(.workerJoined("b", Fixture.worker(machine: "machine-2", capacity: 2)))) == [])
    #expect(stranded(story.tell(.routed(key, [Fixture.choice("b")]))) == [])
    #expect(story.ledger.leaseCount(of: "b") == 2)
    #expect(!story.ledger.isStranded("three"), "it waits for a worker that is there")
    #expect(stranded(story.tell(.workerLost("b"))).count == 3)
  }

  @Test("Why a job waits: ranked first, then for room, for a benchmark's machine, for a worker; and how many are ahead")
  func waits() throws {
    var story = Story(answersRankings: false)
    let key = RouteKey(Fixture.spec())
    func wait(_ job: JobID) -> JobWait? { story.ledger.wait(of: job)?.reason }
    story.tell(.jobStored(Fixture.job("one")))
    #expect(wait("one") == .ranking)
    story.tell(.routed(key, [Fixture.choice("a"), Fixture.choice("b")]))
    #expect(wait("one") == nil, "it runs")
    for name in ["two", "three", "four"] { story.tell(.jobStored(Fixture.job(name))) }
    #expect(wait("two") == nil)
    func queue(_ job: JobID) -> WorkerName? { if case .queue(let worker, 1)? = wait(job) { worker } else { nil } }
    #expect(queue("four") == "a" || queue("four") == "b")
    #expect(story.ledger.wait(of: "three")?.aheadCount == 0 && story.ledger.wait(of: "four")?.aheadCount == 1)
    story.tell(.cancel("three"))
    #expect(story.ledger.wait(of: "four")?.aheadCount == 0 && wait("three") == nil)
    story.tell(.workerLost("a"))
    #expect(queue("four") == "b")
    story.tell(.workerLost("b"))
    #expect(wait("four") == .noWorker)
    #expect(wait("unheard-of") == nil)
  }

  @Test("A job whose only machine a benchmark has waits for that; one that ran at a restart, for its worker")
  func waitsForTrialOrWorker() throws {
    var story = Story()
    story.tell(.workerLost("b"))
    story.tell(.trialPlanned(Fixture.trial("trial"), "a"))
    try #require(story.startedTrial != nil)
    story.tell(.jobStored(Fixture.job("one")))
    #expect(story.revoked.count == 1)
    #expect(story.ledger.wait(of: "one")?.reason == .trial(["a"]))
    var running = Fixture.job("two")
    running.state = .running
    running.worker = "gone"
    story.tell(.jobRestored(running))
    #expect(story.ledger.wait(of: "two")?.reason == .returning("gone"))
  }

  @Test("A job goes to its best choice with room, and waits when there is none")
  func bestChoiceWithRoom() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    #expect(story.assigned?.worker == "a")
    let first = story.assigned!
    story.tell(.jobStored(Fixture.job("two")))
    #expect(story.assigned?.worker == "b")
    #expect(story.tell(.jobStored(Fixture.job("three"))) == [])
    let report = Fixture.report(first.lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.reportStored(first.lease, report.measurement.id))
    #expect(story.assigned?.job.job == "three")
  }

  @Test("The end of a job is told only after its report is stored")
  func endAfterStore() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a", output: "done")
    story.tell(.report("a", report))
    guard case .storeReport("a", report, let record?)? = story.actions.first else {
      Issue.record("expected storeReport with a record, got \(story.actions)")
      return
    }
    #expect(record.state == .completed)
    #expect(record.output == "done")
    #expect(story.tell(.report("a", report)) == [], "the same report again while the first is being stored")
    story.tell(.reportStored(lease, report.measurement.id))
    #expect(story.actions == [.jobEnded(record, report.measurement)])
    #expect(story.ledger.record(of: "one") == nil)
    #expect(story.tell(.report("a", report)) == [.storeEvidence("a", report.measurement)], "late, after the end")
  }

  @Test("A report the store refused leaves the job where it was, for the report to come again")
  func storeRefuses() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    #expect(story.tell(.reportNotStored(lease, report.measurement.id)) == [])
    story.tell(.report("a", report))
    #expect(story.actions.count == 1)
    story.tell(.reportStored(lease, report.measurement.id))
    #expect(story.actions.count == 1)
  }

  @Test("A report that can never be stored ends its lease, and the job is tried again")
  func unstorable() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.reportUnstorable(lease, report.measurement.id))
    #expect(story.actions.first == .leaseLost("a", lease))
    #expect(story.assigned?.job.job == "one")
  }

  @Test("A lost worker's job goes on elsewhere after the tokens already shown, which are never shown again")
  func resumesAfterLoss() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let first = story.assigned!
    #expect(story.tokens(first.lease, "one", from: 0, count: 3).count == 1)
    #expect(story.tokens(first.lease, "one", from: 0, count: 3) == [.ignoredTokens])
    story.tell(.workerLost("a"))
    let losses = story.actions.compactMap { if case .storeLoss(let record) = $0 { record } else { nil } }
    #expect(losses.map(\.id) == ["one"] && losses.first?.worker == "a")
    let second = story.assigned!
    #expect(second.worker == "b")
    #expect(second.job.generatedTokenIDs == [0, 1, 2])
    #expect(second.job.generatedText == "t")
    #expect(story.tokens(first.lease, "one", from: 3) == [.ignoredTokens], "the lost worker's late tokens")
    #expect(story.tokens(second.lease, "one", from: 3, worker: "a") == [.ignoredTokens], "another's lease")
    guard case .relay(let chunk)? = story.tokens(second.lease, "one", from: 3, worker: "b").first else {
      Issue.record("expected the new worker's token to be shown")
      return
    }
    #expect(chunk.firstIndex == 3)
  }

  @Test("A chunk lost on the way stops the stream; the report brings the rest")
  func gap() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    _ = story.tokens(lease, "one", from: 0)
    #expect(story.tokens(lease, "one", from: 2) == [.streamBroken("one")])
    #expect(story.tokens(lease, "one", from: 3) == [.ignoredTokens])
    let report = Fixture.report(lease, job: "one", worker: "a", output: "tttt")
    story.tell(.report("a", report))
    guard case .storeReport(_, _, let record)? = story.actions.first else { return }
    #expect(record?.output == "tttt")
  }

  @Test("A worker that sends far more tokens than asked is not believed")
  func tooManyTokens() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one", maxTokens: 4)))
    let lease = story.assigned!.lease
    #expect(story.tokens(lease, "one", from: 0, count: 1000) == [.streamBroken("one")])
  }

  @Test("A worker lost while its report is being stored ends the job, once")
  func lostWhileStoring() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    #expect(story.tell(.workerLost("a")) == [])
    story.tell(.reportStored(lease, report.measurement.id))
    #expect(story.actions.count == 1)
    #expect(story.ledger.unfinishedJobs.isEmpty)
  }

  @Test("A worker lost while its report is refused by the store frees the job for another")
  func lostAndNotStored() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let report = Fixture.report(lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.workerLost("a"))
    story.tell(.reportNotStored(lease, report.measurement.id))
    #expect(story.assigned?.worker == "b")
  }

  @Test("Failures are tried elsewhere, then end the job with the last reason")
  func attempts() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    var workers: [WorkerName] = []
    for attempt in 0..<3 {
      let assigned = story.assigned!
      workers.append(assigned.worker)
      let report = Fixture.report(
        assigned.lease, job: "one", worker: assigned.worker.rawValue,
        outcome: .engineFailed(reason: "crash \(attempt)", lastLines: ""))
      story.tell(.report(assigned.worker, report))
      if attempt == 2 {
        guard case .storeReport(_, _, let record?)? = story.actions.first else {
          Issue.record("the third failure ends the job")
          return
        }
        #expect(record.state == .failed)
        #expect(record.failure?.contains("crash 2") == true)
      }
      story.tell(.reportStored(assigned.lease, report.measurement.id))
    }
    #expect(Array(workers.prefix(2)) == ["a", "b"], "the second attempt avoids what failed")
  }

  @Test("Cancelling: a waiting job at once, a running one when its worker stopped or stayed silent")
  func cancels() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    story.tell(.jobStored(Fixture.job("two")))
    story.tell(.jobStored(Fixture.job("waiting")))
    story.tell(.cancel("waiting"))
    #expect(story.endings.map(\.state) == [.cancelled])
    story.tell(.cancel("one"))
    #expect(story.revoked == [lease])
    #expect(story.tell(.cancel("one")) == [], "once is enough")
    let report = Fixture.report(lease, job: "one", worker: "a", outcome: .cancelled)
    story.tell(.report("a", report))
    guard case .storeReport(_, _, let record?)? = story.actions.first else {
      Issue.record("expected the cancelled job's report to be stored")
      return
    }
    #expect(record.state == .cancelled)
    let second = story.ledger.liveLeases.first { $0.job == "two" }!.lease
    story.tell(.cancel("two"))
    #expect(story.revoked == [second])
    story.tell(.tick, after: 11)
    #expect(story.endings.map(\.state) == [.cancelled], "a worker that does not answer cannot keep the job")
  }

  @Test("An ending the store refused is tried again at the next look at the clock")
  func endingNotStored() {
    var story = Story()
    story.tell(.workerLost("a"))
    story.tell(.workerLost("b"))
    story.tell(.jobStored(Fixture.job("one")))
    story.tell(.cancel("one"))
    #expect(story.tell(.endingNotStored("one")) == [])
    story.tell(.tick)
    #expect(story.endings.count == 1)
    #expect(story.tell(.tick) == [])
    story.tell(.endingStored("one"))
    #expect(story.ledger.unfinishedJobs.isEmpty)
  }

  @Test("All tokens shown and the worker lost: nothing is left to generate, the job is complete")
  func allShown() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one", maxTokens: 2)))
    let lease = story.assigned!.lease
    _ = story.tokens(lease, "one", from: 0, count: 2)
    story.tell(.workerLost("a"))
    #expect(story.endings.map(\.state) == [.completed])
    #expect(story.endings.map(\.output) == ["t"])
  }

  @Test("The queue has an end")
  func queueLimit() {
    var limits = JobLedger.Limits()
    limits.queuedJobs = 2
    var story = Story(limits: limits, answersRankings: false)
    #expect(story.ledger.reserve() == true)
    #expect(story.ledger.reserve() == true)
    #expect(story.ledger.reserve() == false)
    story.tell(.jobNotStored)
    #expect(story.ledger.reserve() == true)
    story.tell(.jobStored(Fixture.job("one")))
    story.tell(.jobStored(Fixture.job("two")))
    #expect(story.ledger.reserve() == false)
  }

  // MARK: Trials

  @Test("A trial has its machine to itself: it waits for jobs, and jobs go to other machines")
  func trialExclusivity() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let job = story.assigned!
    #expect(story.tell(.trialPlanned(Fixture.trial("trial"), "a")) == [])
    let report = Fixture.report(job.lease, job: "one", worker: "a")
    story.tell(.report("a", report))
    story.tell(.reportStored(job.lease, report.measurement.id))
    #expect(story.startedTrial?.trial == "trial")
    story.tell(.jobStored(Fixture.job("two")))
    #expect(story.assigned?.worker == "b")
  }

  @Test("Two trials of one machine run one after another, of two machines at once")
  func trialsTakeTurns() {
    var story = Story()
    story.tell(.workerJoined("a2", Fixture.worker(machine: "machine-1")))
    story.tell(.trialPlanned(Fixture.trial("one"), "a"))
    #expect(story.startedTrial?.trial == "one")
    let lease = story.startedTrial!.lease
    #expect(story.tell(.trialPlanned(Fixture.trial("two"), "a2")) == [])
    story.tell(.trialPlanned(Fixture.trial("three"), "b"))
    #expect(story.startedTrial?.trial == "three")
    let last = Report(
      lease: lease,
      measurement: Fixture.measurement(
        "m", source: .trial("one", benchmark: "benchmark", purpose: .screening, round: 0), worker: "a",
        outcome: .completed(Fixture.metrics(e2eMS: 10))), isLast: true)
    story.tell(.report("a", last))
    story.tell(.reportStored(lease, "m"))
    #expect(story.actions.contains(.trialEnded("one", .finished)))
    #expect(story.startedTrial?.trial == "two")
  }

  @Test("A job that only machines with a trial can take stops the trial; no new one starts before it has run")
  func preemption() {
    var story = Story()
    story.tell(.trialPlanned(Fixture.trial("one"), "a"))
    let trial = story.startedTrial!.lease
    story.tell(.workerLost("b"))
    story.tell(.jobStored(Fixture.job("job")))
    #expect(story.revoked == [trial])
    #expect(story.tell(.jobStored(Fixture.job("job 2"))) == [], "one that is stopping is enough")
    #expect(story.tell(.trialPlanned(Fixture.trial("next"), "a")) == [])
    let cancelled = Report(
      lease: trial,
      measurement: Fixture.measurement(
        "m", source: .trial("one", benchmark: "benchmark", purpose: .screening, round: 0), worker: "a",
        outcome: .cancelled), isLast: true)
    story.tell(.report("a", cancelled))
    story.tell(.reportStored(trial, "m"))
    #expect(story.actions.contains(.trialEnded("one", .cancelled)))
    #expect(story.assigned?.job.job == "job")
    #expect(story.startedTrial == nil)
  }

  @Test("A trial's report sent twice is one measurement")
  func trialReportTwice() {
    var story = Story()
    story.tell(.trialPlanned(Fixture.trial("one"), "a"))
    let lease = story.startedTrial!.lease
    let block = Report(
      lease: lease,
      measurement: Fixture.measurement(
        "m", source: .trial("one", benchmark: "benchmark", purpose: .screening, round: 0), worker: "a",
        outcome: .completed(Fixture.metrics(e2eMS: 10))), isLast: false)
    #expect(story.tell(.report("a", block)) == [.storeReport("a", block, nil)])
    #expect(story.tell(.report("a", block)) == [])
    #expect(story.tell(.reportStored(lease, "m")) == [.trialMeasured("one", block.measurement)])
    #expect(story.tell(.report("a", block)) == [.acknowledge("a", "m")])
  }

  @Test("A lost worker's trials, running and planned, go back to the planner")
  func trialLost() {
    var story = Story()
    story.tell(.trialPlanned(Fixture.trial("one"), "a"))
    story.tell(.trialPlanned(Fixture.trial("two"), "a"))
    story.tell(.workerLost("a"))
    #expect(story.actions.contains(.trialEnded("one", .workerLost)))
    #expect(story.actions.contains(.trialEnded("two", .workerLost)))
  }

  // MARK: Heartbeats and restarts

  @Test("A lease that two heartbeats in a row leave out never arrived: the job goes elsewhere")
  func lostAssignment() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    #expect(story.tell(.heartbeat("a", leases: [])) == [], "sent before the assignment came")
    story.tell(.heartbeat("a", leases: []))
    #expect(story.assigned != nil)
  }

  @Test("A lease that a worker should not have is revoked when it names it twice")
  func strangeLease() {
    var story = Story()
    #expect(story.tell(.heartbeat("a", leases: ["job-x:1"])) == [], "may have crossed with its end")
    #expect(story.tell(.heartbeat("a", leases: ["job-x:1"])) == [.revoke("a", "job-x:1")])
  }

  @Test("After a restart a worker goes on with its job; a stranger to the job does not")
  func adoption() {
    var story = Story()
    story.tell(.workerLost("a"))
    story.tell(.workerLost("b"))
    var record = Fixture.job("one")
    record.state = .running
    record.worker = "a"
    record.attemptCount = 1
    #expect(story.tell(.jobRestored(record)) == [])
    story.tell(.workerJoined("b", Fixture.worker(machine: "machine-2", capacity: 1, leases: ["one:old-1"])))
    #expect(story.revoked == ["one:old-1"])
    #expect(story.tell(.workerJoined("a", Fixture.worker(capacity: 1, leases: ["one:old-1"]))) == [])
    #expect(story.ledger.liveLeases.map(\.worker) == ["a"])
    let report = Fixture.report("one:old-1", job: "one", worker: "a", output: "x")
    story.tell(.report("a", report))
    story.tell(.reportStored("one:old-1", report.measurement.id))
    #expect(story.ledger.unfinishedJobs.isEmpty)
  }

  @Test("After a restart a job whose worker does not come back runs elsewhere")
  func adoptionTimesOut() {
    var story = Story()
    story.tell(.workerLost("a"))
    var record = Fixture.job("one")
    record.state = .running
    record.worker = "a"
    story.tell(.jobRestored(record))
    #expect(story.tell(.tick, after: 9) == [])
    story.tell(.tick, after: 2)
    #expect(story.assigned?.worker == "b")
  }

  @Test("A lease that shows no sign of life is taken from its living worker")
  func silence() {
    var story = Story()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    story.tell(.tick, after: 601)
    #expect(story.revoked == [lease])
    story.tell(.tick, after: 11)
    #expect(story.assigned != nil)
  }
}
