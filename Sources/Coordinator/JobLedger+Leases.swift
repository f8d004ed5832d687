import Messaging
import Serving

/// What workers say about their leases, and how leases end.
extension JobLedger {
  // MARK: Tokens

  mutating func accept(
    _ chunk: TokenChunk, from worker: WorkerName, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard let lease = leases.index(forKey: chunk.lease), leases.values[lease].worker == worker,
      leases.values[lease].work == .job(chunk.job), leases.values[lease].report == nil
    else {
      actions.append(.ignoredTokens)
      return
    }
    leases.values[lease].lastProgress = now
    router.speaks(worker)
    guard let entry = jobs.index(forKey: chunk.job), !jobs.values[entry].cancelRequested,
      !jobs.values[entry].streamBroken,
      // One that is to stop does not win any more.
      jobs.values[entry].hedge == nil || leases.values[lease].revokedUntil == nil
    else {
      actions.append(.ignoredTokens)
      return
    }
    if jobs.values[entry].hedge != nil { decide(chunk.job, for: chunk.lease, at: now, &actions) }
    let shownCount = jobs.values[entry].tokenIDs.count
    let askedCount = jobs.values[entry].record.spec.maxTokens
    if !chunk.tokenIDs.isEmpty, chunk.firstIndex == shownCount,
      shownCount + chunk.tokenIDs.count <= askedCount + Self.tokenSlack,
      chunk.logprobs.count <= chunk.tokenIDs.count, chunk.toolCalls.count <= chunk.tokenIDs.count + Tools.most
    {
      jobs.values[entry].tokenIDs.append(contentsOf: chunk.tokenIDs)
      jobs.values[entry].text += chunk.text
      jobs.values[entry].logprobs.append(contentsOf: chunk.logprobs)
      if !chunk.toolCalls.isEmpty { jobs.values[entry].toolCalls.append(contentsOf: chunk.toolCalls) }
      actions.append(.relay(chunk))
    } else if chunk.firstIndex >= 0, chunk.firstIndex < shownCount,
      chunk.tokenIDs.count <= shownCount - chunk.firstIndex
    {
      // Sent twice.
      actions.append(.ignoredTokens)
    } else {
      // A chunk in between was lost with a connection, or the worker counts wrongly. Showing on would show a gap.
      jobs.values[entry].streamBroken = true
      actions.append(.streamBroken(chunk.job))
    }
  }

  // MARK: Reports

  mutating func accept(
    _ report: Report, from worker: WorkerName, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard var place = leases.index(forKey: report.lease) ?? adopted(report.lease, by: worker, at: now),
      leases.values[place].worker == worker
    else {
      actions.append(.storeEvidence(worker, report.measurement))
      return
    }
    switch leases.values[place].work {
    case .trial(let trial):
      // The hub of placements reports otherwise.
      let measurement = report.measurement.id
      guard case .benchmark? = trials[trial]?.work, leases.values[place].storing[measurement] == nil else { return }
      if leases.values[place].stored.contains(measurement) {
        actions.append(.acknowledge(worker, measurement))
        return
      }
      leases.values[place].lastProgress = now
      leases.values[place].storing[measurement] = report
      actions.append(.storeReport(worker, report, nil))
    case .job(let id):
      guard leases.values[place].report == nil else { return }
      guard report.isLast else {
        actions.append(.storeEvidence(worker, report.measurement))
        return
      }
      let entry = jobs.index(forKey: id)!
      if jobs.values[entry].hedge != nil {
        guard report.isDecisive else { return giveUp(id, report, of: leases.values[place], at: now, &actions) }
        decide(id, for: report.lease, at: now, &actions)
        place = leases.index(forKey: report.lease)!
      }
      let ended = jobs.values[entry].record(
        endedBy: report, atMS: originMS + now.milliseconds, attempts: limits.attempts)
      leases.values[place].hold(HeldReport(report, ended: ended), at: now)
      actions.append(.storeReport(worker, report, ended))
    case .beaten: endBeaten(report, of: leases.values[place], at: now, &actions)
    }
  }

  /// The lease of a job that was done while the coordinator was away; nil for any other.
  private mutating func adopted(_ id: LeaseID, by worker: WorkerName, at now: Duration) -> Int? {
    guard let job = id.job, case .awaiting(worker, _)? = jobs[job]?.state else { return nil }
    adopt(id, of: job, by: worker, at: now)
    return leases.index(forKey: id)
  }

  /// The report is in the history.
  mutating func settle(
    _ id: LeaseID, _ measurement: MeasurementID, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard let place = leases.index(forKey: id) else { return }
    switch leases.values[place].work {
    case .trial(let trial):
      guard let report = leases.values[place].storing.removeValue(forKey: measurement) else { return }
      leases.values[place].stored.insert(measurement)
      let lease = leases.values[place]
      actions.append(.trialMeasured(trial, report.measurement))
      if report.isLast {
        release(id, lease, at: now, &actions)
        trials[trial] = nil
        let stopped = report.measurement.outcome == .cancelled || lease.revokedUntil != nil
        actions.append(.trialEnded(trial, stopped ? .cancelled : .finished))
      }
    case .job(let job):
      guard let held = leases.values[place].report, held.report.measurement.id == measurement else { return }
      let (report, lease) = (held.report, leases.values[place])
      let spec = jobs.values[jobs.index(forKey: job)!].record.spec
      router.end(id, on: lease.worker, report.measurement, of: spec, at: now.seconds)
      release(id, lease, at: now, &actions)
      if let ended = held.ended {
        jobs.removeValue(forKey: job)
        if ended.state == .completed {
          tokenLengths[ended.spec.model, default: TokenLength()].learn(
            promptBytes: ended.spec.promptBytes, promptTokens: report.measurement.workload.promptTokens.upperBound)
        }
        actions.append(.jobEnded(ended, report.measurement))
      } else {
        noteFailure(of: job, report, on: lease.worker)
        requeue(job, because: report.measurement.outcome.explanation, &actions, at: now)
      }
    case .beaten: break
    }
  }

  /// What failed for a job is tried again last. That it was stopped is no failure.
  mutating func noteFailure(of job: JobID, _ report: Report, on worker: WorkerName) {
    guard report.measurement.outcome != .cancelled || report.finishReason == .toolsRefused else { return }
    jobs[job]!.failed.append(FailedChoice(worker: worker, configuration: report.measurement.configuration))
  }

  /// The history refused the report. The worker sends it again, unless it is gone.
  mutating func unsettle(
    _ id: LeaseID, _ measurement: MeasurementID, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard let lease = leases[id] else { return }
    leases[id]!.storing[measurement] = nil
    guard lease.report?.report.measurement.id == measurement else { return }
    leases[id]!.report = nil
    if lease.workerIsGone { drop(id, because: "\(lease.worker) was lost", at: now, &actions) }
  }

  // MARK: Ends without a report

  mutating func revoke(_ id: LeaseID, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let lease = leases[id], lease.revokedUntil == nil else { return }
    if lease.opensUntil != nil {
      // Its hub has nothing to stop yet.
      return drop(id, because: "it was revoked before its hosts were open", at: now, &actions)
    }
    leases[id]!.revokedUntil = now + limits.revokePatience
    actions.append(.revoke(lease.worker, id))
  }

  /// Takes a lease from its worker for good.
  mutating func drop(
    _ id: LeaseID, because reason: String, trialEnding: TrialEnding = .cancelled, at now: Duration,
    _ actions: inout [LedgerAction]
  ) {
    guard let lease = leases[id] else { return }
    release(id, lease, at: now, &actions)
    actions.append(.leaseLost(lease.worker, id))
    switch lease.work {
    case .job(let job):
      if !goesOn(job, without: id, &actions) { requeue(job, because: reason, &actions, at: now) }
    case .trial(let trial):
      trials[trial] = nil
      actions.append(.trialEnded(trial, trialEnding))
    case .beaten: break
    }
  }

  mutating func release(_ id: LeaseID, _ lease: Lease, at now: Duration, _ actions: inout [LedgerAction]) {
    leases.removeValue(forKey: id)
    free(lease.worker, of: id, at: now)
    for other in lease.others { free(other, of: id, at: now) }
    if case .trial(let trial) = lease.work {
      trialOrder.removeAll { $0 == trial }
      refreshTrialMachines()
      if case .placement? = trials[trial]?.work {
        // Hosts let the hub in until they are told otherwise.
        for member in lease.members where workers[member] != nil { actions.append(.revoke(member, id)) }
      }
    }
  }

  private mutating func free(_ name: WorkerName, of lease: LeaseID, at now: Duration) {
    router.end(lease, on: name, at: now.seconds)
    if let worker = workers.index(forKey: name) { workers.values[worker].leases.remove(lease) }
  }

  mutating func refreshTrialMachines() {
    trialMachines = []
    for lease in leases.values {
      guard case .trial = lease.work else { continue }
      trialMachines.formUnion(lease.members.compactMap { workers[$0]?.machine })
    }
    router.close(trialMachines)
  }

  mutating func withdraw(_ id: TrialID, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let trial = trials[id] else { return }
    if let lease = trial.lease {
      revoke(lease, at: now, &actions)
    } else {
      trials[id] = nil
      trialOrder.removeAll { $0 == id }
      actions.append(.trialEnded(id, .cancelled))
    }
  }
}
