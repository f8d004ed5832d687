import Coordinator
import Messaging
import Serving
import Testing

/// Trials of placements: one lease over a hub and its hosts, all of them or none, free together.
@Suite struct JobLedgerPlacementTests {
  private static let both: [WorkerName] = ["a", "b"]

  /// Workers `a` (machine-1) and `b` (machine-2) that host experts.
  private func story() -> LedgerStory {
    var story = LedgerStory()
    for (name, machine) in [("a", "machine-1"), ("b", "machine-2")] {
      story.tell(
        .workerJoined(
          WorkerName(name), Fixture.worker(machine: machine, capacity: 1, expertKey: Fixture.expertKey(name))))
    }
    return story
  }

  /// - Returns: the lease, once the trial has been planned and its hosts were asked.
  private func plan(_ story: inout LedgerStory, _ trial: TrialID = "trial", on workers: [WorkerName] = Self.both)
    -> LeaseID?
  {
    story.tell(.placementPlanned(trial, Fixture.placementSpec(), workers))
    for case .assign(_, let assignment, _) in story.actions { return assignment.lease }
    return nil
  }

  private func open(_ story: inout LedgerStory, _ lease: LeaseID, _ worker: WorkerName) {
    story.tell(.hostingAnswered(worker, HostingAnswer(lease: lease, address: .success("tcp://\(worker):1"))))
  }

  @Test("Every host is told to let the hub in, and the hub where they are once all of them listen")
  func introductions() throws {
    var story = story()
    let lease = try #require(plan(&story))
    let hosting = ExpertHosting(model: Fixture.sparseModel().id, hubKey: Fixture.expertKey("a"))
    let told = Assignment(lease: lease, work: .hosting(hosting))
    #expect(story.actions == [.assign("a", told, nil), .assign("b", told, nil)])
    open(&story, lease, "b")
    #expect(story.actions == [], "the hub's own part is missing")
    open(&story, lease, "a")
    guard case .assign("a", let assignment, nil)? = story.actions.first,
      case .placement(let placement) = assignment.work
    else {
      Issue.record("the hub was told \(story.actions)")
      return
    }
    #expect(assignment.lease == lease)
    #expect(placement.hosts.map(\.name) == Self.both)
    #expect(placement.hosts.map(\.address) == ["tcp://a:1", "tcp://b:1"])
    #expect(placement.hosts.map(\.publicKey) == [Fixture.expertKey("a"), Fixture.expertKey("b")])
    #expect(placement.hosts[0].operationsPerSecond == 1e11, "one of its two cores computes")
    #expect(story.ledger.members(of: lease) == Self.both)
  }

  @Test("No job and no other trial runs on any of its nodes until its end, and then they do")
  func reservation() throws {
    var story = story()
    let lease = try #require(plan(&story))
    open(&story, lease, "a")
    open(&story, lease, "b")
    #expect(story.tell(.jobStored(Fixture.job("job"))) == [], "it is not stopped for a job")
    #expect(story.tell(.trialPlanned(Fixture.trial("of b"), "b")) == [])
    #expect(plan(&story, "another") == nil)
    story.tell(.placementReport("a", PlacementReport(lease: lease, news: .success(.ended))))
    #expect(story.revoked == [lease, lease], "both nodes are told")
    #expect(story.actions.contains(.trialEnded("trial", .finished)))
    #expect(story.assigned?.job.job == "job")
  }

  @Test("It waits until all of its nodes are free: none is taken before")
  func allOrNone() throws {
    var story = story()
    story.tell(.jobStored(Fixture.job("job")))
    let job = try #require(story.assigned)
    #expect(job.worker == "a")
    #expect(plan(&story) == nil)
    story.tell(.trialPlanned(Fixture.trial("of b"), "b"))
    #expect(story.startedTrial?.worker == "b", "b is free meanwhile")
  }

  @Test("The loss of any node ends it, and the others are told", arguments: both)
  func loss(lost: WorkerName) throws {
    var story = story()
    let lease = try #require(plan(&story))
    open(&story, lease, "a")
    open(&story, lease, "b")
    story.tell(.workerLost(lost))
    let other: WorkerName = lost == "a" ? "b" : "a"
    #expect(story.actions.contains(.revoke(other, lease)))
    #expect(story.actions.contains(.trialEnded("trial", .workerLost)))
    #expect(story.ledger.liveLeases.isEmpty)
    story.tell(.jobStored(Fixture.job("job")))
    #expect(story.assigned?.worker == other)
    story.tell(.placementReport("a", PlacementReport(lease: lease, news: .success(.ended))))
    #expect(story.actions == [], "what the old hub says late is nobody's")
  }

  @Test("A host that does not know of it any more ends it, whatever the hub says")
  func forgotten() throws {
    var story = story()
    let lease = try #require(plan(&story))
    open(&story, lease, "a")
    open(&story, lease, "b")
    for _ in 0..<2 {
      story.tell(.heartbeat("a", leases: [lease]))
      #expect(story.actions == [])
      story.tell(.heartbeat("b", leases: []))
    }
    #expect(story.actions.contains(.trialEnded("trial", .cancelled)))
    #expect(story.revoked == [lease, lease])
  }

  @Test("A host that cannot open ends it with its reason")
  func refusedHosting() throws {
    var story = story()
    let lease = try #require(plan(&story))
    let error = ApusError(.badInput, "the model is cut short")
    story.tell(.hostingAnswered("b", HostingAnswer(lease: lease, address: .failure(error))))
    let named = ApusError(.badInput, "b cannot host experts: the model is cut short")
    #expect(story.actions.contains(.placementReported("trial", .failure(named))))
    #expect(story.actions.contains(.trialEnded("trial", .cancelled)))
    #expect(story.revoked == [lease, lease])
  }

  @Test("Hosts that do not open within the time for that are named")
  func silentHosting() throws {
    var story = story()
    let lease = try #require(plan(&story))
    open(&story, lease, "a")
    story.tell(.heartbeat("a", leases: [lease]), after: 20)
    #expect(story.tell(.tick) == [])
    story.tell(.tick, after: 11)
    guard case .placementReported("trial", .failure(let error))? = story.actions.first else {
      Issue.record("\(story.actions)")
      return
    }
    #expect(error.reason.contains("b did not begin to host"))
    #expect(story.revoked == [lease, lease])
  }

  @Test("Withdrawn, it stops at its hub, or at once while its hosts open or it waits")
  func withdrawal() throws {
    var story = story()
    let lease = try #require(plan(&story))
    #expect(plan(&story, "waiting") == nil)
    #expect(story.tell(.trialWithdrawn("waiting")) == [.trialEnded("waiting", .cancelled)])
    open(&story, lease, "a")
    open(&story, lease, "b")
    #expect(story.tell(.trialWithdrawn("trial")) == [.revoke("a", lease)])
    let error = ApusError(.tryAgain, "the batch was cancelled")
    story.tell(.placementReport("a", PlacementReport(lease: lease, news: .failure(error))))
    #expect(story.actions.contains(.trialEnded("trial", .cancelled)))
    let opening = try #require(plan(&story, "opening"))
    story.tell(.trialWithdrawn("opening"))
    #expect(story.revoked == [opening, opening])
    #expect(story.ledger.liveLeases.isEmpty)
  }

  @Test("After a restart nodes that name its lease are told that it is over")
  func restart() {
    var story = LedgerStory()
    for (name, machine) in [("a", "machine-1"), ("b", "machine-2")] {
      story.tell(.workerLost(WorkerName(name)))
      story.tell(.workerJoined(WorkerName(name), Fixture.worker(machine: machine, leases: ["lease-of-before-1"])))
      #expect(story.actions == [.revoke(WorkerName(name), "lease-of-before-1")])
    }
    story.tell(.placementReport("a", PlacementReport(lease: "lease-of-before-1", news: .success(.ended))))
    #expect(story.actions == [])
  }

  @Test("Only its hub speaks for it, and a report of an engine is not taken for one of its own")
  func strangers() throws {
    var story = story()
    let lease = try #require(plan(&story))
    open(&story, lease, "a")
    open(&story, lease, "b")
    #expect(story.tell(.placementReport("b", PlacementReport(lease: lease, news: .success(.ended)))) == [])
    let report = Fixture.report(lease, job: "none", worker: "a")
    #expect(story.tell(.report("a", report)) == [])
    #expect(story.ledger.members(of: lease) == Self.both)
  }
}
