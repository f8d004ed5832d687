import Messaging
import Serving

/// Trials of placements: one lease over a hub and its hosts.
///
/// All nodes are reserved at once. Each is asked to host and to let the hub in, and only the hub; when all have said where they
/// listen, the hub is told. Whatever ends the lease, its own end, a node's loss or a withdrawal, every node is told that it is
/// over. After a restart of the coordinator nobody knows the lease, and nodes that name it are told so, too.
extension JobLedger {
  mutating func open(
    _ id: LeaseID, _ spec: PlacementBenchmarkSpec, on members: [WorkerName], at now: Duration,
    _ actions: inout [LedgerAction]
  ) {
    leases[id]!.opensUntil = now + limits.openingPatience
    // Without a key, which no hub has, nobody is let in.
    let hubKey = workers[members[0]]?.experts?.publicKey ?? ""
    for member in members {
      let hosting = ExpertHosting(model: spec.model, hubKey: hubKey)
      actions.append(.assign(member, Assignment(lease: id, work: .hosting(hosting)), nil))
    }
  }

  mutating func accept(
    _ answer: HostingAnswer, from worker: WorkerName, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard let lease = leases[answer.lease], lease.opensUntil != nil, lease.covers(worker),
      case .trial(let id) = lease.work, case .placement(let spec)? = trials[id]?.work
    else { return }
    switch answer.address {
    case .failure(let error):
      let named = ApusError(error.code, "\(worker) cannot host experts: \(error.reason)", advice: error.advice)
      actions.append(.placementReported(id, .failure(named)))
      drop(answer.lease, because: named.reason, at: now, &actions)
    case .success(let address):
      trials[id]!.addresses[worker] = address
      guard trials[id]!.addresses.count == lease.members.count else { return }
      leases[answer.lease]!.opensUntil = nil
      leases[answer.lease]!.lastProgress = now
      let placement = PlacementAssignment(spec: spec, hosts: introductions(trials[id]!))
      actions.append(.assign(lease.worker, Assignment(lease: answer.lease, work: .placement(placement)), nil))
    }
  }

  private func introductions(_ trial: TrialEntry) -> [IntroducedHost] {
    trial.workers.compactMap { name in
      guard let worker = workers[name], let address = trial.addresses[name], let experts = worker.experts else {
        return nil
      }
      return IntroducedHost(
        name: name, address: address, publicKey: experts.publicKey,
        // A host computes with one thread, the profile's rate is of all cores together.
        operationsPerSecond: worker.hardware.gemmRate / Double(max(1, worker.hardware.coreCount)),
        memoryBandwidth: worker.hardware.memoryBandwidth, memoryBytes: worker.memoryBytes)
    }
  }

  mutating func giveUpOpening(_ id: LeaseID, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let lease = leases[id], case .trial(let trial) = lease.work, let entry = trials[trial] else { return }
    let silent = lease.members.filter { entry.addresses[$0] == nil }.map(\.rawValue).joined(separator: ", ")
    let error = ApusError(
      .unavailable, "\(silent) did not begin to host experts within \(limits.openingPatience.seconds) s",
      advice: "look at the log there, or leave it out with --worker")
    actions.append(.placementReported(trial, .failure(error)))
    drop(id, because: error.reason, at: now, &actions)
  }

  mutating func accept(
    _ report: PlacementReport, from worker: WorkerName, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard let lease = leases[report.lease], lease.worker == worker, lease.opensUntil == nil,
      case .trial(let id) = lease.work, case .placement? = trials[id]?.work
    else { return }
    leases[report.lease]!.lastProgress = now
    actions.append(.placementReported(id, report.news))
    guard report.isLast else { return }
    release(report.lease, lease, at: now, &actions)
    trials[id] = nil
    actions.append(.trialEnded(id, lease.revokedUntil == nil ? .finished : .cancelled))
  }
}
