import Coordinator
import Messaging
import Serving
import Testing

/// Trials: a machine to themselves, in turns, behind jobs.
@Suite struct JobLedgerTrialTests {
  @Test("A trial has its machine to itself: it waits for jobs, and jobs go to other machines")
  func trialExclusivity() {
    var story = LedgerStory()
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
    var story = LedgerStory()
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
    var story = LedgerStory()
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
    var story = LedgerStory()
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
    var story = LedgerStory()
    story.tell(.trialPlanned(Fixture.trial("one"), "a"))
    story.tell(.trialPlanned(Fixture.trial("two"), "a"))
    story.tell(.workerLost("a"))
    #expect(story.actions.contains(.trialEnded("one", .workerLost)))
    #expect(story.actions.contains(.trialEnded("two", .workerLost)))
  }
}
