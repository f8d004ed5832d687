import Messaging
import Serving
import Testing

@testable import Coordinator

/// Jobs whose node says nothing for much longer than was foreseen.
@Suite struct JobLedgerHedgingTests {
  /// A ledger whose workers `a`, `b` and perhaps `c`, their engines loaded, are foreseen to give a first token after half
  /// a second, `a` a little sooner than `b`.
  private struct Story {
    var story: LedgerStory
    let workers: [(String, Double)]

    init(share: Double = 1, capacity: Int = 1, attempts: Int = 3, third: Bool = false) {
      var limits = JobLedger.Limits()
      limits.hedgeShare = share
      limits.attempts = attempts
      story = LedgerStory(limits: limits, capacity: capacity, answersRankings: false)
      workers = [("a", 500.0), ("b", 520)] + (third ? [("c", 540)] : [])
      if third { story.tell(.workerJoined("c", Fixture.worker(machine: "machine-3", capacity: capacity))) }
      let warm = [Fixture.candidate().configuration.fingerprint]
      for (name, _) in workers { story.tell(.heartbeat(WorkerName(name), leases: [], warm: warm)) }
    }

    @discardableResult mutating func tell(_ event: LedgerEvent, after seconds: Double = 0) -> [LedgerAction] {
      var actions = story.tell(event, after: seconds)
      for case .rank(let key) in actions {
        let choices = workers.map { name, ttft in
          var choice = Fixture.choice(name)
          choice.predicted = PredictedMetrics(ttftMS: ttft, tpotMS: 10, e2eMS: ttft + 80)
          return choice
        }
        actions += story.tell(.routed(key, choices))
      }
      return actions
    }

    /// - Returns: its lease.
    @discardableResult mutating func submit(_ name: String = "one", _ change: (inout JobSpec) -> Void = { _ in })
      -> (lease: LeaseID, worker: WorkerName)
    {
      var spec = Fixture.spec()
      change(&spec)
      return assignments(
        tell(.jobStored(JobRecord(id: JobID(name), client: "client", spec: spec, submittedAtMS: 0))))[0]
    }

    /// Ends a job that took about what was foreseen.
    mutating func finish(_ job: JobID, _ lease: LeaseID, on worker: WorkerName) {
      var metrics = Fixture.metrics(e2eMS: 590)
      metrics.requestCount = 1
      metrics.outputTokenCount = 8
      metrics.ttft = Fixture.latency(520)
      metrics.tpot = Fixture.latency(10)
      let report = Fixture.report(lease, job: job, worker: worker.rawValue, outcome: .completed(metrics))
      tell(.report(worker, report))
      tell(.reportStored(lease, report.measurement.id))
    }
  }

  private static func chunk(_ lease: LeaseID, from first: Int = 0) -> TokenChunk {
    TokenChunk(job: "one", lease: lease, firstIndex: first, tokenIDs: [7], text: "t")
  }

  private static let failure = Outcome.engineFailed(reason: "it hung", lastLines: "")

  private static func report(
    _ lease: LeaseID, _ outcome: Outcome, worker: WorkerName, finishReason: FinishReason? = nil
  ) -> LedgerEvent {
    var report = Fixture.report(lease, job: "one", worker: worker.rawValue, outcome: outcome, output: "t")
    report.finishReason = finishReason
    return .report(worker, report)
  }

  /// Two leases of job `one`: of `a`, which is silent, and of `b`.
  private func hedged(attempts: Int = 3, third: Bool = false) throws -> (Story, first: LeaseID, second: LeaseID) {
    var story = Story(attempts: attempts, third: third)
    let first = story.submit()
    #expect(first.worker == "a")
    let early = story.tell(.tick, after: 1.9)
    #expect(assignments(early).isEmpty, "less than four times what was foreseen")
    let late = story.tell(.tick, after: 2)
    let second = try #require(assignments(late).first)
    #expect(second.worker == "b")
    let stored = try #require(hedges(late).first)
    #expect(stored.worker == "a" && stored.attemptCount == 2, "what the history is told")
    let later = story.tell(.tick, after: 60)
    #expect(assignments(later).isEmpty, "never a third beside the two")
    return (story, first.lease, second.lease)
  }

  @Test("The first token wins, whichever node it is of; the other is told to stop and not heard any more")
  func firstTokenWins() throws {
    for secondWins in [true, false] {
      var (story, first, second) = try hedged()
      let (winner, loser) = secondWins ? (second, first) : (first, second)
      let names: (winner: WorkerName, loser: WorkerName) = secondWins ? ("b", "a") : ("a", "b")
      let shown = story.tell(.tokens(names.winner, Self.chunk(winner)))
      #expect(shown.suffix(2) == [.revoke(names.loser, loser), .relay(Self.chunk(winner))])
      let moved = try #require(story.story.ledger.record(of: "one"))
      #expect(moved.worker == names.winner)
      #expect(secondWins ? shown.first == .hedgeWon(moved.withoutOutput) : shown.count == 2)
      for index in [0, 1] {
        #expect(story.tell(.tokens(names.loser, Self.chunk(loser, from: index))) == [.ignoredTokens])
      }
      #expect(story.story.ledger.liveLeases.map(\.lease) == [winner])
      #expect(story.story.ledger.leaseCount(of: names.loser) == 1, "it keeps its place until it has stopped")
      let evidence = story.tell(Self.report(loser, Self.failure, worker: names.loser))
      #expect(evidence.count == 1, "stored, and nothing of the job changes")
      #expect(evidence.contains { if case .storeEvidence(names.loser, _) = $0 { true } else { false } })
      #expect(story.story.ledger.leaseCount(of: names.loser) == 0)
      let done = Fixture.report(winner, job: "one", worker: names.winner.rawValue, output: "t")
      let (_, ended) = try stored(story.tell(.report(names.winner, done)))
      #expect(ended?.state == .completed && ended?.worker == names.winner && ended?.attemptCount == 2)
      #expect(ended?.measurement == done.measurement.id && done.measurement.worker == names.winner)
      let end = story.tell(.reportStored(winner, done.measurement.id))
      #expect(end.contains { if case .jobEnded = $0 { true } else { false } })
      // Late, of a job that is gone.
      #expect(story.tell(.tokens(names.loser, Self.chunk(loser))) == [.ignoredTokens])
      #expect(story.story.ledger.liveLeases.isEmpty && story.story.ledger.unfinishedJobs.isEmpty)
    }
  }

  @Test("An answer whose tokens never came wins, too; so does a refusal that every engine would give")
  func reportWins() throws {
    let decisive: [(Outcome, FinishReason?, JobState)] = [
      (.completed(Fixture.metrics(e2eMS: 10)), nil, .completed), (.cancelled, .promptTooLong, .failed),
    ]
    for (outcome, reason, state) in decisive {
      var (story, first, second) = try hedged()
      let actions = story.tell(Self.report(second, outcome, worker: "b", finishReason: reason))
      #expect(revocations(actions) == [first])
      let (_, ended) = try stored(actions)
      #expect(ended?.state == state && ended?.worker == "b")
    }
  }

  @Test("One of the two that fails, cannot, is stopped, or whose worker is lost leaves the job to the other")
  func losses() throws {
    for (name, isFirst) in [("a", true), ("b", false)] as [(WorkerName, Bool)] {
      for way in ["lost", "failed", "stopped", "no tools"] {
        var (story, first, second) = try hedged()
        let gone = isFirst ? first : second
        let event: LedgerEvent =
          switch way {
          case "lost": .workerLost(name)
          case "failed": Self.report(gone, Self.failure, worker: name)
          case "stopped": Self.report(gone, .cancelled, worker: name)
          default: Self.report(gone, .cancelled, worker: name, finishReason: .toolsRefused)
          }
        let actions = story.tell(event)
        #expect(assignments(actions).isEmpty && endings(actions).isEmpty, "\(way)")
        let record = try #require(story.story.ledger.record(of: "one"))
        #expect(record.state == .running && record.worker == (isFirst ? "b" : "a"), "\(way)")
        #expect(actions.contains(.hedgeWon(record)) == isFirst, "\(way)")
        if way == "lost" {
          let losses = actions.compactMap { if case .storeLoss(let record) = $0 { record.worker } else { nil } }
          #expect(losses == [name], "the row is of the one that was lost")
        }
        let other: (WorkerName, LeaseID) = isFirst ? ("b", second) : ("a", first)
        #expect(story.tell(.tokens(other.0, Self.chunk(other.1))) == [.relay(Self.chunk(other.1))])
        story.finish("one", other.1, on: other.0)
        #expect(story.story.ledger.unfinishedJobs.isEmpty, "\(way)")
      }
    }
  }

  @Test("When both come to nothing the job is tried again as often as is left, and no more")
  func bothFail() throws {
    for attempts in [2, 3] {
      var (story, first, second) = try hedged(attempts: attempts, third: true)
      story.tell(Self.report(first, Self.failure, worker: "a"))
      let (report, ended) = try stored(story.tell(Self.report(second, Self.failure, worker: "b")))
      let after = story.tell(.reportStored(second, report.measurement.id))
      if attempts == 2 {
        #expect(ended?.state == .failed && ended?.attemptCount == 2)
      } else {
        #expect(ended == nil)
        #expect(assignments(after).map(\.worker) == ["c"], "not where it failed")
        #expect(assignments(story.tell(.tick, after: 60)).isEmpty, "its last attempt has no second")
      }
    }
    var last = Story(attempts: 1)
    last.submit()
    #expect(assignments(last.tell(.tick, after: 60)).isEmpty)
  }

  @Test("An attempt that was beaten is no failure: the job may be tried as often as without it")
  func beatenIsNoFailure() throws {
    var (story, _, second) = try hedged(attempts: 2)
    story.tell(.tokens("b", Self.chunk(second)))
    let actions = story.tell(.workerLost("b"))
    #expect(endings(actions).isEmpty)
    // `a` is told to stop, and then has room.
    let again = story.tell(.tick, after: 11)
    #expect(assignments(again).map(\.worker) == ["a"])
    let ended = endings(story.tell(.workerLost("a")))
    #expect(ended.map(\.state) == [.failed] && ended.map(\.attemptCount) == [3])
  }

  @Test("A cancelled job stops both, and ends once")
  func cancelled() throws {
    var (story, first, second) = try hedged()
    #expect(Set(revocations(story.tell(.cancel("one")))) == [first, second])
    let late = story.tell(.tokens("b", Self.chunk(second)))
    #expect(late == [.ignoredTokens])
    let stopped = story.tell(Self.report(second, .cancelled, worker: "b"))
    #expect(endings(stopped).isEmpty)
    let (report, ended) = try stored(story.tell(Self.report(first, .cancelled, worker: "a")))
    #expect(ended?.state == .cancelled)
    let end = story.tell(.reportStored(first, report.measurement.id))
    #expect(end.contains { if case .jobEnded = $0 { true } else { false } })
    #expect(story.story.ledger.leases.values.isEmpty)
  }

  @Test("A coordinator that stopped while two ran goes on with one of them, by what was stored")
  func restart() throws {
    for secondWon in [false, true] {
      var (story, first, second) = try hedged()
      var stored = try #require(story.story.ledger.record(of: "one"))
      if secondWon {
        let shown = story.tell(.tokens("b", Self.chunk(second)))
        stored = try #require(shown.compactMap { if case .hedgeWon(let record) = $0 { record } else { nil } }.first)
      }
      var generator = SeededGenerator(seed: 2)
      var ledger = JobLedger(using: &generator)
      _ = ledger.handle(.jobRestored(stored), at: .zero)
      let joined = [("a", first), ("b", second)].flatMap { name, lease in
        ledger.handle(
          .workerJoined(WorkerName(name), Fixture.worker(machine: "machine-of-\(name)", leases: [lease])), at: .zero)
      }
      #expect(ledger.liveLeases.map(\.lease) == [secondWon ? second : first])
      #expect(revocations(joined) == [secondWon ? first : second])
    }
  }

  @Test("A job that has said something, one of a batch or for the price, and a full cluster have no second node")
  func noHedge() {
    func count(capacity: Int = 1, others: Int = 0, speaks: Bool = false, _ change: (inout JobSpec) -> Void = { _ in })
      -> Int
    {
      var story = Story(capacity: capacity)
      let lease = story.submit("one", change).lease
      for other in 0..<others { story.submit("other-\(other)") }
      if speaks { story.tell(.tokens("a", Self.chunk(lease))) }
      return assignments(story.tell(.tick, after: 60)).count
    }
    #expect(count() == 1)
    #expect(count(speaks: true) == 0)
    #expect(count(others: 1) == 0, "no room")
    #expect(count { $0.idempotencyKey = BatchMark.text + "line" } == 0)
    #expect(count { $0.objective = .cost } == 0)
    #expect(count { $0.objective = .energy } == 0)
    #expect(count { $0.objective = .ttft } == 1)
    #expect(count { $0.idempotencyKey = "mine" } == 1)
  }

  @Test("A trial has its machine to itself, and is not begun beside a second attempt")
  func trials() throws {
    var (story, first, second) = try hedged()
    let planned = story.tell(.trialPlanned(Fixture.trial("trial"), "b"))
    #expect(assignments(planned).isEmpty)
    story.tell(.tokens("a", Self.chunk(first)))
    #expect(assignments(story.tell(.tick)).isEmpty, "the one that was beaten is still there")
    let stopped = story.tell(Self.report(second, .cancelled, worker: "b"))
    #expect(assignments(stopped).map(\.worker) == ["b"])

    var closed = Story()
    closed.tell(.trialPlanned(Fixture.trial("trial"), "b"))
    closed.submit()
    #expect(assignments(closed.tell(.tick, after: 60)).isEmpty)
  }

  @Test("Of many jobs only the share has a second node, the one that is silent longest first; of more it is counted")
  func share() {
    var scarce = Story(share: 0.5, capacity: 4)
    var hedgeCount = 0
    for number in 1...5 {
      scarce.submit("job\(number)")
      let actions = scarce.tell(.tick, after: 60)
      hedgeCount += assignments(actions).count
      #expect(hedgeCount == number / 2, "after \(number) jobs")
      if number == 1 { #expect(actions == [.hedgeLimited("job1")]) }
      if number == 2 { #expect(hedges(actions).map(\.id) == ["job1"] && actions.contains(.hedgeLimited("job2"))) }
    }
    var none = Story(share: 0)
    none.submit()
    #expect(assignments(none.tell(.tick, after: 600)).isEmpty)
  }

  @Test("A pause saves up no more hedges than the burst")
  func burst() {
    var story = Story(share: 1, capacity: 100)
    for number in 0..<60 {
      let job = story.submit("quick\(number)")
      story.finish(JobID("quick\(number)"), job.lease, on: job.worker)
    }
    #expect(story.story.ledger.hedgeCredit == JobLedger.hedgeBurst)
  }

  @Test("Both attempts count as load, and the client's meter goes on by the prompt that is read twice")
  func accounts() throws {
    var (story, _, second) = try hedged()
    let router = story.story.ledger.router
    #expect(router.nodes.map(\.running.count) == [1, 1])
    #expect(story.story.ledger.leaseCount(of: "a") == 1 && story.story.ledger.leaseCount(of: "b") == 1)
    var plain = Story(share: 0)
    plain.submit()
    func tag(_ story: inout Story) -> Double {
      story.story.ledger.router.tag(FairClock.Flow(JobOwner(client: "client"), priority: 0), work: 1)
    }
    let (charged, usual) = (tag(&story), tag(&plain))
    #expect(charged == usual + 1, "a prompt of a few bytes is the least work there is")
    story.tell(.tokens("b", Self.chunk(second)))
    story.finish("one", second, on: "b")
    #expect(story.story.ledger.router.nodes.map(\.running.count) == [1, 0])
  }

  @Test("A node that hangs is tried more and more seldom, and as before once it has said something")
  func hangingNode() throws {
    var story = Story(capacity: 8)
    /// - Returns: when jobs, one a second, were sent to `a`, which says nothing of them.
    func tries(seconds: Int) throws -> [Int] {
      try (0..<seconds).filter { second in
        let job = JobID("job\(story.story.now)")
        let first = story.submit(job.rawValue)
        let waited = story.tell(.tick, after: first.worker == "a" ? 2.1 : 1)
        guard first.worker == "a" else {
          story.finish(job, first.lease, on: "b")
          return false
        }
        let hedge = try #require(assignments(waited).first)
        #expect(hedge.worker == "b")
        story.finish(job, hedge.lease, on: "b")
        story.tell(.report("a", Fixture.report(first.lease, job: job, worker: "a", outcome: .cancelled)))
        return true
      }
    }
    let tried = try tries(seconds: 60)
    #expect(tried.count >= 3 && tried.count <= 4, "\(tried)")
    let gaps = zip(tried, tried.dropFirst()).map { $1 - $0 }
    #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $1 > $0 }, "\(tried)")
    // Where the next job goes before and after a token came from there.
    story.story.ledger.router.speaks("a")
    #expect(story.submit("last").worker == "a")
  }

  @Test("A node that was asked a moment ago is not taken to be silent")
  func askedJustNow() throws {
    var story = Story()
    let first = story.submit()
    try #require(assignments(story.tell(.tick, after: 2.1)).map(\.worker) == ["b"])
    story.tell(.tokens("a", Self.chunk(first.lease)), after: 0.1)
    #expect(story.story.ledger.router.nodes.allSatisfy { $0.silence == nil })
  }

  @Test("How long a node that is silent is taken to be so")
  func silence() {
    let first = NodeSilence(after: nil, from: 10, until: 12)
    #expect(first.seconds(at: 12) == 8 && first.seconds(at: 19) == 1 && first.seconds(at: 30) == 0)
    let beside = NodeSilence(after: first, from: 11, until: 13)
    #expect(beside.seconds(at: 13) == 7, "of the same silence")
    let again = NodeSilence(after: first, from: 20, until: 21)
    #expect(again.seconds(at: 21) == 16)
    var long = again
    for time in 1...10 { long = NodeSilence(after: long, from: Double(1000 * time), until: Double(1000 * time + 1)) }
    #expect(long.seconds(at: 10_001) == NodeSilence.most)
  }

  @Test("No engine is put out for a second attempt, and while the first's loads there is none")
  func engines() {
    var loads = Story()
    loads.tell(.heartbeat("a", leases: [], warm: []))
    loads.tell(.heartbeat("b", leases: [], warm: []))
    loads.submit()
    #expect(assignments(loads.tell(.tick, after: 100)).isEmpty)
    var story = Story()
    story.tell(.heartbeat("b", leases: [], warm: ["another"]))
    story.submit()
    #expect(assignments(story.tell(.tick, after: 60)).isEmpty)
    story.tell(.heartbeat("b", leases: [], warm: []))
    #expect(assignments(story.tell(.tick, after: 100)).map(\.worker) == ["b"], "an empty node takes it")
  }
}

private func assignments(_ actions: [LedgerAction]) -> [(lease: LeaseID, worker: WorkerName)] {
  actions.compactMap { action in
    if case .assign(let worker, let assignment, _) = action { (assignment.lease, worker) } else { nil }
  }
}

/// The report that is to be stored, and the job that it ends.
private func stored(_ actions: [LedgerAction]) throws -> (report: Report, ended: JobRecord?) {
  let stored = actions.compactMap { action -> (Report, JobRecord?)? in
    if case .storeReport(_, let report, let ended) = action { (report, ended) } else { nil }
  }
  #expect(stored.count == 1, "\(actions)")
  return try #require(stored.first)
}

private func hedges(_ actions: [LedgerAction]) -> [JobRecord] {
  actions.compactMap { if case .hedged(let record) = $0 { record } else { nil } }
}

private func revocations(_ actions: [LedgerAction]) -> [LeaseID] {
  actions.compactMap { if case .revoke(_, let lease) = $0 { lease } else { nil } }
}

private func endings(_ actions: [LedgerAction]) -> [JobRecord] {
  actions.compactMap { if case .storeEnding(let record) = $0 { record } else { nil } }
}

extension JobRecord {
  /// As it is stored while it runs.
  fileprivate var withoutOutput: JobRecord {
    var record = self
    record.output = ""
    return record
  }
}
