import Coordinator
import Messaging
import Serving

/// A ledger with workers `a` (machine-1) and `b` (machine-2), where every ranking prefers `a`.
struct LedgerStory {
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
