import Coordinator
import Messaging
import Serving
import Testing

/// What the ledger says of jobs that wait.
@Suite struct JobLedgerWaitingTests {
  @Test("Jobs with nowhere to go are named once: all when the last worker goes, then each that comes")
  func stranded() throws {
    var story = LedgerStory(answersRankings: false)
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
    var story = LedgerStory(answersRankings: false)
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
    var story = LedgerStory()
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
}
