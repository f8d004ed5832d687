import Messaging
import Serving

/// How jobs come, wait, and end without a report.
extension JobLedger {
  mutating func admit(_ record: JobRecord, _ state: JobEntry.State, at now: Duration) {
    nextSequence += 1
    let id = record.id
    let entry = jobs.insert(JobEntry(record: record, state: state, sequence: nextSequence), forKey: id)
    if state == .queued { enqueue(id, entry, at: now) } else { watched.insert(id) }
  }

  mutating func restore(_ record: JobRecord, at now: Duration, _ actions: inout [LedgerAction]) {
    guard jobs[record.id] == nil, !record.state.isFinished else { return }
    if record.state == .running, let worker = record.worker {
      admit(record, .awaiting(worker, until: now + limits.adoptionPatience), at: now)
    } else {
      admit(record, .queued, at: now)
    }
    // A worker that still runs it is told to stop when it says so.
    if record.spec.isBound == true {
      end(record.id, .cancelled, because: "its client was lost with the coordinator before", at: now, &actions)
    }
  }

  /// To its place in the order of tags. A job that comes again has its old tag: it has waited already.
  ///
  /// - Parameter entry: the job's place. To look a name up takes as long as most of what is done here.
  private mutating func enqueue(_ id: JobID, _ entry: Int, at now: Duration) {
    let record = jobs.values[entry].record
    let length = tokenLengths[record.spec.model] ?? TokenLength()
    let key = jobs.values[entry].queue(tokenLength: length)
    let known = jobs.values[entry].routing
    let job = known ?? routing(of: record, length, at: now)
    if known == nil {
      jobs.values[entry].routing = job
      if prewarming.isOn { foresee(record.spec, key, at: now.seconds) }
    }
    if !watched.isEmpty { watched.remove(id) }
    if job.deadline != nil { deadlined.insert(id) }
    queue.enter(record.owner)
    wait(entry, key)
  }

  /// Among those of its key that have no node.
  mutating func wait(_ id: JobID, _ key: RouteKey) { wait(jobs.index(forKey: id)!, key) }

  private mutating func wait(_ entry: Int, _ key: RouteKey) {
    jobs.values[entry].node = nil
    waitingKeys.insert(key)
    let tag = jobs.values[entry].routing!.tag
    routes[key, default: Route()].enqueue(jobs.keys[entry]) { other in
      guard let place = jobs.index(forKey: other), let job = jobs.values[place].routing else { return true }
      return job.tag <= tag
    }
  }

  private mutating func routing(of record: JobRecord, _ length: TokenLength, at now: Duration) -> RoutingJob {
    let spec = record.spec
    let promptTokens = length.tokens(ofBytes: spec.promptBytes)
    let work = RoutingJob.work(promptTokens: promptTokens, outputTokens: spec.maxTokens)
    let deadline = spec.deadlineMS.map { Double(record.submittedAtMS - originMS + Int64($0)) / 1000 }
    let flow = router.flow(of: record.owner, priority: spec.priority ?? 0)
    return RoutingJob(
      spec, promptTokens: promptTokens, deadline: deadline, flow: flow, tag: router.tag(flow, work: work),
      due: router.due(work: work, deadline: deadline, at: now.seconds), size: router.size(work: work))
  }

  /// Back into the queue: the job has waited already. Or to its end, when trying again makes no sense.
  mutating func requeue(_ id: JobID, because reason: String, _ actions: inout [LedgerAction], at now: Duration) {
    jobs[id]!.streamBroken = false
    let entry = jobs[id]!
    if entry.cancelRequested {
      end(id, .cancelled, because: nil, at: now, &actions)
    } else if entry.tokenIDs.count >= entry.record.spec.maxTokens {
      // Everything was generated and shown; only the report was lost.
      entry.show(in: &jobs[id]!.record)
      jobs[id]!.record.finishReason = .length
      end(id, .completed, because: nil, at: now, &actions)
    } else if entry.record.spec.isHeldToForm, !entry.tokenIDs.isEmpty {
      end(
        id, .failed, because: "\(reason), and an answer to a schema or with tools cannot be gone on with in the middle",
        at: now, &actions)
    } else if !entry.hasAttemptsLeft(of: limits.attempts) {
      let count = entry.record.attemptCount
      end(id, .failed, because: "tried \(count) times, the last time: \(reason)", at: now, &actions)
    } else {
      enqueue(id, jobs.index(forKey: id)!, at: now)
    }
  }

  /// The end of a job that has no measurement.
  ///
  /// - Parameter finishReason: where it is more than a fault of the nodes.
  mutating func end(
    _ id: JobID, _ state: JobState, because reason: String?, _ finishReason: FinishReason? = nil, at now: Duration,
    _ actions: inout [LedgerAction]
  ) {
    if jobs[id]!.state == .queued { leaveQueue(id) }
    jobs[id]!.state = .ending(isStoring: true)
    watched.insert(id)
    jobs[id]!.record.state = state
    jobs[id]!.record.failure = reason
    if let finishReason { jobs[id]!.record.finishReason = finishReason }
    jobs[id]!.record.finishedAtMS = originMS + now.milliseconds
    if state != .completed {
      let entry = jobs[id]!
      entry.show(in: &jobs[id]!.record)
    }
    actions.append(.storeEnding(jobs[id]!.record))
  }

  /// A job waits no more, wherever it did.
  mutating func leaveQueue(_ id: JobID) {
    queue.leave(jobs[id]!.record.owner)
    if !deadlined.isEmpty { deadlined.remove(id) }
    unplace(id)
  }

  /// Takes a job out of its node's queue, if it is in one.
  mutating func unplace(_ id: JobID) {
    guard let node = jobs[id]!.node, let key = jobs[id]!.key else { return }
    router.remove(id, from: node)
    jobs[id]!.node = nil
    routes[key]?.placedCount -= 1
  }

  mutating func cancel(_ id: JobID, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let entry = jobs[id], !entry.cancelRequested else { return }
    switch entry.state {
    case .queued, .awaiting:
      end(id, .cancelled, because: nil, at: now, &actions)
    case .leased(let lease):
      // A report on its way to the store decides first; otherwise the worker is told to stop.
      jobs[id]!.cancelRequested = true
      decide(id, for: lease, at: now, &actions)
      if leases[lease]!.report == nil { revoke(lease, at: now, &actions) }
    case .ending:
      return
    }
  }

  /// Fails a job that still waits when its answer was wanted: no node could have given it in time.
  ///
  /// - Returns: whether it did.
  @discardableResult mutating func endIfLate(
    _ id: JobID, at now: Duration, _ actions: inout [LedgerAction]
  ) -> Bool {
    guard let entry = jobs[id], entry.state == .queued, let deadline = entry.routing?.deadline,
      now.seconds >= deadline
    else { return false }
    let ms = entry.record.spec.deadlineMS ?? 0
    let attempts = entry.record.attemptCount
    end(
      id, .failed,
      because: "its deadline, \(ms) ms after its submission, passed while it waited for a node"
        + (attempts > 0 ? " again after \(attempts) attempts" : ""), .deadlinePassed, at: now, &actions)
    return true
  }

  mutating func watchDeadlines(at now: Duration, _ actions: inout [LedgerAction]) {
    for (id, lease) in leases where lease.report == nil {
      if let deadline = lease.revokedUntil {
        if now >= deadline { drop(id, because: "\(lease.worker) did not stop when told to", at: now, &actions) }
      } else if let until = lease.opensUntil, now >= until {
        giveUpOpening(id, at: now, &actions)
      } else if now - lease.lastProgress > limits.leaseSilence {
        revoke(id, at: now, &actions)
      }
    }
    for id in deadlined {
      endIfLate(id, at: now, &actions)
    }
    for id in watched {
      switch jobs[id]!.state {
      case .awaiting(let worker, let until) where now >= until:
        requeue(id, because: "\(worker) did not come back", &actions, at: now)
      case .ending(isStoring: false):
        jobs[id]!.state = .ending(isStoring: true)
        actions.append(.storeEnding(jobs[id]!.record))
      default: break
      }
    }
  }
}
