import Messaging
import Serving

/// How workers come and go, and what their heartbeats say of their leases.
extension JobLedger {
  mutating func join(
    _ name: WorkerName, _ description: WorkerDescription, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    var entry = WorkerEntry(
      machine: description.hardware.machine, jobCapacity: max(1, description.jobCapacity),
      models: Set(description.models.map(\.id)), hardware: description.hardware,
      memoryBytes: description.engineMemoryBytes ?? description.hardware.memoryBytes, experts: description.experts)
    entry.attachedEngines = Set(description.engines.lazy.filter(\.isAttached).map(\.name))
    // A lease whose report is on its way to the store outlives the loss of its worker.
    entry.leases = Set(leases.lazy.filter { $0.value.covers(name) }.map(\.key))
    workers[name] = entry
    router.join(
      name, machine: entry.machine, slotCount: entry.jobCapacity, engineMemoryBytes: description.engineMemoryBytes)
    for lease in entry.leases.sorted() { router.start(unforeseen: lease, on: name, at: now.seconds) }
    refreshTrialMachines()
    for lease in entry.leases {
      leases[lease]!.workerIsGone = false
    }
    for lease in description.leases where leases[lease]?.covers(name) != true {
      if leases[lease] == nil, let job = lease.job, case .awaiting(name, _)? = jobs[job]?.state,
        workers[name]!.leases.count < entry.jobCapacity
      {
        adopt(lease, of: job, by: name, at: now)
      } else {
        actions.append(.revoke(name, lease))
      }
    }
    miss(entry.leases.subtracting(description.leases), by: name, at: now, &actions)
    for place in routes.values.indices { routes.values[place].isStale = true }
    prewarming.hasNewNodes = true
  }

  /// A worker comes back with a job that ran when the coordinator stopped.
  mutating func adopt(_ id: LeaseID, of job: JobID, by worker: WorkerName, at now: Duration) {
    leases[id] = Lease(worker: worker, work: .job(job), lastProgress: now)
    workers[worker]?.leases.insert(id)
    router.start(unforeseen: id, on: worker, at: now.seconds)
    jobs[job]!.state = .leased(id)
    watched.remove(job)
  }

  mutating func lose(_ name: WorkerName, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let worker = workers.removeValue(forKey: name) else { return }
    if let spot = router.warming(on: name) { prewarming.failed(spot, at: now.seconds) }
    for job in router.lose(name) { displace(job) }
    for id in worker.leases.sorted() {
      if leases[id]!.report != nil {
        leases[id]!.workerIsGone = true
      } else {
        if case .job(let job) = leases[id]!.work { actions.append(.storeLoss(jobs[job]!.record(under: id))) }
        drop(id, because: "\(name) was lost", trialEnding: .workerLost, at: now, &actions)
      }
    }
    dropWaitingTrials(of: name, &actions)
  }

  /// Nothing is sent there any more, and what waits for it goes elsewhere. Its leases stay until their reports come.
  mutating func retire(_ name: WorkerName, _ actions: inout [LedgerAction]) {
    guard workers[name] != nil else { return }
    workers[name]!.jobCapacity = 0
    for job in router.lose(name) { displace(job) }
    dropWaitingTrials(of: name, &actions)
  }

  private mutating func dropWaitingTrials(of name: WorkerName, _ actions: inout [LedgerAction]) {
    for id in trialOrder where trials[id]!.workers.contains(name) {
      trials[id] = nil
      actions.append(.trialEnded(id, .workerLost))
    }
    trialOrder.removeAll { trials[$0] == nil }
  }

  mutating func hear(
    _ name: WorkerName, _ listed: [LeaseID], at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard let worker = workers[name] else { return }
    guard !(listed.isEmpty && worker.leases.isEmpty && worker.strangeLeases.isEmpty) else { return }
    let listed = Set(listed)
    let strange = listed.subtracting(worker.leases)
    // Named once, it may have crossed with our own message that ended it.
    for id in strange.intersection(worker.strangeLeases).sorted() {
      actions.append(.revoke(name, id))
    }
    workers[name]!.strangeLeases = strange
    for id in worker.leases.intersection(listed) {
      leases[id]!.wasListed(by: name)
    }
    let missing = worker.leases.subtracting(listed)
    if !missing.isEmpty {
      miss(missing, by: name, at: now, &actions)
      dispatch(at: now, &actions)
    }
  }

  /// The worker does not name these leases of its own.
  private mutating func miss(
    _ missing: Set<LeaseID>, by name: WorkerName, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    for id in missing.sorted() where leases[id]!.report == nil && leases[id]!.storing.isEmpty {
      if leases[id]!.wasMissed(by: name) >= Self.heartbeatsToMiss {
        drop(id, because: "\(name) does not know of it", at: now, &actions)
      }
    }
  }
}
