import Messaging
import Serving

/// A second attempt at a job, begun while the first was silent.
final class Hedge: Sendable {
  let lease: LeaseID
  let choice: RouteChoice

  init(_ lease: LeaseID, _ choice: RouteChoice) {
    self.lease = lease
    self.choice = choice
  }
}

/// A job whose node says nothing for much longer than was foreseen is given to a second node as well. Whichever says
/// something first has the job, and the other is told to stop.
///
/// It is for nodes that hang without being lost (an engine that was swapped out, a driver that waits): a few per cent of
/// such requests take most of the tail away (Dean and Barroso, "The tail at scale", 2013). Never after the first token, as
/// two engines need not go on alike. As long as a job has two attempts both are its own: one that fails, is lost or is
/// taken back leaves it to the other. An attempt that was beaten says nothing of the job any more, and is no failure.
extension JobLedger {
  /// A silence this many times as long as the foreseen time to the first token is more than a bad forecast.
  static let hedgeFactor = 4.0
  /// Seconds of silence below which no second attempt pays.
  static let hedgeLeastSeconds = 1.0
  /// Most hedges that may be saved up while none is needed: a cluster that slows as a whole gets no more than that beyond
  /// its share, because more work is what it can do with least.
  static let hedgeBurst = 20.0

  // MARK: When

  /// A job starts, and with it a share of a hedge is earned.
  ///
  /// - Returns: when it has been silent for too long; nil where nothing was foreseen, where its engine loads first, which
  ///   may be guessed, and where nobody waits for its first token: a batch's job, and one that is to be cheap.
  mutating func hedgeTime(of entry: Int, _ foreseen: RouteOption?, at now: Duration) -> Duration? {
    guard limits.hedgeShare > 0 else { return nil }
    hedgeCredit = min(Self.hedgeBurst, hedgeCredit + limits.hedgeShare)
    guard let foreseen, foreseen.load == 0, jobs.values[entry].tokenIDs.isEmpty else { return nil }
    let record = jobs.values[entry].record
    guard !record.spec.isOfBatch, record.spec.objective.delayWeight > 0 else { return nil }
    return now + .seconds(max(Self.hedgeLeastSeconds, Self.hedgeFactor * foreseen.ttft))
  }

  /// Gives jobs that have been silent for too long to a second node, as far as one has room and the share allows.
  mutating func hedgeSilent(at now: Duration, _ actions: inout [LedgerAction]) {
    guard limits.hedgeShare > 0 else { return }
    let due = leases.filter { _, lease in lease.hedgeAfter.map { now >= $0 } ?? false }
    // What is silent longest goes first.
    for (id, lease) in due.sorted(by: { ($0.value.lastProgress, $0.key) < ($1.value.lastProgress, $1.key) }) {
      leases[id]!.hedgeAfter = nil
      guard case .job(let job) = lease.work, mayHedge(job, lease) else { continue }
      if hedgeCredit < 1 - 1e-6 {
        actions.append(.hedgeLimited(job))
      } else if hedge(job, beside: lease, at: now, &actions) {
        continue
      }
      // Looked at again when it has been silent for twice as long.
      leases[id]!.hedgeAfter = now + (now - lease.lastProgress)
    }
  }

  /// Whether a job has one lease, has said nothing under it, and may be tried again.
  private func mayHedge(_ id: JobID, _ lease: Lease) -> Bool {
    guard let entry = jobs[id], entry.hedge == nil, entry.tokenIDs.isEmpty, !entry.streamBroken,
      !entry.cancelRequested, lease.report == nil, lease.revokedUntil == nil
    else { return false }
    return entry.hasAttemptsLeft(of: limits.attempts)
  }

  /// - Returns: false when no other node has room.
  private mutating func hedge(
    _ id: JobID, beside silent: Lease, at now: Duration, _ actions: inout [LedgerAction]
  ) -> Bool {
    let entry = jobs[id]!
    guard let job = entry.routing, let key = entry.key, let ranked = routes[key]?.ranked,
      let option = router.second(job, among: ranked, beside: silent.worker, failed: entry.failed, at: now.seconds)
    else { return false }
    var choice = ranked.choices[option.choice]
    let lease = identifiers.lease(for: id)
    let foreseen = router.start(
      lease, job, option.choice, ranked, decided: option, decidedAt: now.seconds, at: now.seconds)
    if let foreseen { choice.foresee(foreseen) }
    router.charge(job)
    hedgeCredit -= 1
    leases[lease] = Lease(worker: choice.worker, work: .job(id), lastProgress: now)
    workers[choice.worker]!.leases.insert(lease)
    jobs[id]!.hedge = Hedge(lease, choice)
    jobs[id]!.record.attemptCount += 1
    let assignment = Assignment(lease: lease, work: .job(jobs[id]!.assignment(as: choice)))
    actions.append(.assign(choice.worker, assignment, nil))
    actions.append(.hedged(jobs[id]!.record))
    return true
  }

  // MARK: From two attempts to one

  /// One of a job's two attempts was first: the job is its, and the other's worker is told to stop.
  mutating func decide(_ id: JobID, for winner: LeaseID, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let hedge = jobs[id]?.hedge, case .leased(let first) = jobs[id]!.state else { return }
    let loser = winner == hedge.lease ? first : hedge.lease
    keep(id, winner, &actions)
    jobs[id]!.beatenCount += 1
    leases[loser]!.work = .beaten
    router.outrun(loser, on: leases[loser]!.worker, at: now.seconds)
    revoke(loser, at: now, &actions)
  }

  /// An attempt came to nothing. Where the job has another, it goes on under that.
  ///
  /// - Returns: whether it does.
  mutating func goesOn(_ id: JobID, without lease: LeaseID, _ actions: inout [LedgerAction]) -> Bool {
    guard let hedge = jobs[id]?.hedge, case .leased(let first) = jobs[id]!.state else { return false }
    keep(id, lease == first ? hedge.lease : first, &actions)
    return true
  }

  private mutating func keep(_ id: JobID, _ lease: LeaseID, _ actions: inout [LedgerAction]) {
    if jobs[id]!.settleHedge(for: lease) { actions.append(.hedgeWon(jobs[id]!.record)) }
  }

  /// One of two attempts reports that it failed or was stopped: what it measured is kept as evidence, its place is free.
  mutating func giveUp(
    _ id: JobID, _ report: Report, of lease: Lease, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    noteFailure(of: id, report, on: lease.worker)
    _ = goesOn(id, without: report.lease, &actions)
    endBeaten(report, of: lease, at: now, &actions)
  }

  /// The last report of an attempt that counts no more.
  mutating func endBeaten(
    _ report: Report, of lease: Lease, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    actions.append(.storeEvidence(lease.worker, report.measurement))
    guard report.isLast else { return }
    release(report.lease, lease, at: now, &actions)
    dispatch(at: now, &actions)
  }
}

extension Report {
  /// Whether its job needs no other attempt: an answer, or a refusal that every engine would give.
  var isDecisive: Bool {
    switch measurement.outcome {
    case .completed: true
    case .cancelled: finishReason?.isRefusal == true && finishReason != .toolsRefused
    case .outOfMemory, .timedOut, .engineFailed, .lostWorker: false
    }
  }
}

extension JobEntry {
  /// Whether it may be given to another worker: attempts that were beaten do not count.
  func hasAttemptsLeft(of limit: Int) -> Bool { record.attemptCount - beatenCount < limit }

  /// The record as it is of one of its attempts.
  func record(under lease: LeaseID) -> JobRecord {
    var entry = self
    if hedge?.lease == lease { entry.settleHedge(for: lease) }
    return entry.record
  }

  /// Only the attempt under this lease is left.
  ///
  /// - Returns: whether that is the second.
  @discardableResult fileprivate mutating func settleHedge(for lease: LeaseID) -> Bool {
    guard let second = hedge else { return false }
    hedge = nil
    guard second.lease == lease else { return false }
    state = .leased(lease)
    record.worker = second.choice.worker
    record.configuration = second.choice.candidate.configuration
    record.predicted = second.choice.predicted
    record.isExploration = false
    return true
  }
}

extension RouteChoice {
  /// Takes what is foreseen as the load is now in place of what was foreseen for any; a worker's clock starts once the
  /// engine is loaded.
  mutating func foresee(_ option: RouteOption) {
    predicted.ttftMS = 1000 * (option.ttft - option.load)
    predicted.tpotMS = 1000 * option.tpot
    predicted.e2eMS = 1000 * (option.e2e - option.load)
  }
}
