import Coordinator
import Messaging
import Serving
import Testing

/// What heartbeats say of leases, and what a restart makes of them.
@Suite struct JobLedgerRestartTests {
  @Test("A lease that two heartbeats in a row leave out never arrived: the job goes elsewhere")
  func lostAssignment() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    #expect(story.tell(.heartbeat("a", leases: [])) == [], "sent before the assignment came")
    story.tell(.heartbeat("a", leases: []))
    #expect(story.assigned != nil)
  }

  @Test("A lease that a worker should not have is revoked when it names it twice")
  func strangeLease() {
    var story = LedgerStory()
    #expect(story.tell(.heartbeat("a", leases: ["job-x:1"])) == [], "may have crossed with its end")
    #expect(story.tell(.heartbeat("a", leases: ["job-x:1"])) == [.revoke("a", "job-x:1")])
  }

  @Test("After a restart a worker goes on with its job; a stranger to the job does not")
  func adoption() {
    var story = LedgerStory()
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
    var story = LedgerStory()
    story.tell(.workerLost("a"))
    var record = Fixture.job("one")
    record.state = .running
    record.worker = "a"
    story.tell(.jobRestored(record))
    #expect(story.tell(.tick, after: 9) == [])
    story.tell(.tick, after: 2)
    #expect(story.assigned?.worker == "b")
  }

  @Test("A worker that says it stops gets nothing more, and what it gives up goes elsewhere at once")
  func stopping() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    let worker = story.assigned!.worker
    #expect(story.tell(.workerStopping(worker)) == [])
    story.tell(.jobStored(Fixture.job("two")))
    #expect(story.assigned?.worker != worker)
    var report = Fixture.report(lease, job: "one", worker: worker.rawValue, output: "")
    report.measurement.outcome = .cancelled
    story.tell(.report(worker, report))
    story.tell(.reportStored(lease, report.measurement.id))
    story.tell(.tick, after: 1)
    #expect(story.ledger.liveLeases.allSatisfy { $0.worker != worker })
    #expect(story.tell(.workerLost(worker)).allSatisfy { if case .storeLoss = $0 { false } else { true } })
  }

  @Test("After a restart a job that was for its client alone is not run on for nobody", arguments: [false, true])
  func boundJob(wasRunning: Bool) {
    var story = LedgerStory()
    var spec = Fixture.spec()
    spec.isBound = true
    var record = JobRecord(id: "one", client: "client", spec: spec, submittedAtMS: 0)
    if wasRunning {
      story.tell(.workerLost("a"))
      record.state = .running
      record.worker = "a"
    }
    let actions = story.tell(.jobRestored(record))
    guard case .storeEnding(let ended)? = actions.first else {
      Issue.record("it did not end: \(actions)")
      return
    }
    #expect(ended.state == .cancelled && ended.failure?.contains("client was lost") == true)
    story.tell(.endingStored("one"))
    #expect(story.ledger.unfinishedJobs.isEmpty && story.assigned == nil)
    guard wasRunning else { return }
    story.tell(.workerJoined("a", Fixture.worker(capacity: 1, leases: ["one:old-1"])))
    #expect(story.revoked == ["one:old-1"])
  }

  @Test("A lease that shows no sign of life is taken from its living worker")
  func silence() {
    var story = LedgerStory()
    story.tell(.jobStored(Fixture.job("one")))
    let lease = story.assigned!.lease
    story.tell(.tick, after: 601)
    #expect(story.revoked == [lease])
    story.tell(.tick, after: 11)
    #expect(story.assigned != nil)
  }
}
