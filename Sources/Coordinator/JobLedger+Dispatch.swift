import Messaging
import Selection
import Serving

/// Which work goes where.
extension JobLedger {
  mutating func dispatch(at now: Duration, _ actions: inout [LedgerAction]) {
    if queuedCount > 0 { dispatchJobs(at: now, &actions) }
    if trialOrder.count > 0 { dispatchTrials(at: now, &actions) }
  }

  // MARK: Jobs

  /// Oldest first over all keys, so that no key starves another; a key whose oldest job finds no room is passed over.
  private mutating func dispatchJobs(at now: Duration, _ actions: inout [LedgerAction]) {
    var heads: [(route: Dictionary<RouteKey, Route>.Index, job: JobID, sequence: Int)] = []
    for key in waitingKeys {
      if let route = routes.index(forKey: key), let head = head(of: route) {
        heads.append((route, head.job, head.sequence))
        if routes.values[route].startRanking() { actions.append(.rank(key)) }
      } else {
        waitingKeys.remove(key)
      }
    }
    // No route comes or goes from here on, so their places stay.
    while let oldest = heads.indices.min(by: { heads[$0].sequence < heads[$1].sequence }) {
      let (route, job, _) = heads[oldest]
      let choices = routes.values[route].choices ?? []
      guard let choice = choice(for: job, choices) else {
        strand(route, &actions)
        preempt(choices, at: now, &actions)
        heads.remove(at: oldest)
        continue
      }
      _ = routes.values[route].strand(false)
      routes.values[route].waiting.removeFirst()
      let trial = exploration(insteadOf: choice, for: job, routes.values[route].options)
      assign(job, to: trial ?? choice, isExploration: trial != nil, at: now, &actions)
      if let next = head(of: route) {
        heads[oldest] = (route, next.job, next.sequence)
      } else {
        heads.remove(at: oldest)
        waitingKeys.remove(routes[route].key)
      }
    }
  }

  /// The oldest job of a route, past those that do not wait any more (cancelled ones).
  private mutating func head(of route: Dictionary<RouteKey, Route>.Index) -> (job: JobID, sequence: Int)? {
    while let id = routes.values[route].waiting.first {
      if let entry = jobs[id], entry.state == .queued { return (id, entry.sequence) }
      routes.values[route].waiting.removeFirst()
    }
    return nil
  }

  /// The first choice with room. One that failed for this job is taken only when there is no other.
  private func choice(for job: JobID, _ choices: [RouteChoice]) -> RouteChoice? {
    let failed = jobs[job]!.failed
    guard !failed.isEmpty else {
      for index in choices.indices where hasRoom(choices[index].worker) { return choices[index] }
      return nil
    }
    let others = choices.filter {
      !failed.contains(FailedChoice(worker: $0.worker, configuration: $0.candidate.configuration))
        && workers[$0.worker] != nil
    }
    return (others.isEmpty ? choices : others).first { hasRoom($0.worker) }
  }

  /// Says of the jobs of a route that they have nowhere to go, once each time it comes to be so. While the route is ranked
  /// nobody knows.
  private mutating func strand(
    _ route: Dictionary<RouteKey, Route>.Index, _ actions: inout [LedgerAction]
  ) {
    guard let choices = routes.values[route].choices, !routes.values[route].isRanking else { return }
    let hasWorker = choices.contains { workers[$0.worker] != nil }
    for id in routes.values[route].strand(!hasWorker) {
      if let entry = jobs[id], entry.state == .queued { actions.append(.jobStranded(entry.record)) }
    }
  }

  /// What a new job tries in place of its best choice; nil for almost all.
  private mutating func exploration(
    insteadOf choice: RouteChoice, for job: JobID, _ options: [ExplorationOption]
  ) -> RouteChoice? {
    guard explorer.policy.share > 0, options.count > 1, let worker = workers[choice.worker],
      explorer.isDue(isIdle: queuedCount == 1 && worker.leases.isEmpty), jobs[job]!.record.attemptCount == 0
    else { return nil }
    return explorer.pick(instead: choice, among: options, hasRoom: hasRoom).map(RouteChoice.init)
  }

  private func hasRoom(_ name: WorkerName) -> Bool {
    guard let worker = workers[name], worker.leases.count < worker.jobCapacity else { return false }
    return trialMachines.isEmpty || !trialMachines.contains(worker.machine)
  }

  private mutating func assign(
    _ job: JobID, to choice: RouteChoice, isExploration: Bool, at now: Duration, _ actions: inout [LedgerAction]
  ) {
    let id = identifiers.lease(for: job)
    leases[id] = Lease(worker: choice.worker, work: .job(job), lastProgress: now)
    workers[choice.worker]!.leases.insert(id)
    queuedCount -= 1
    let (work, record) = jobs[job]!.run(as: choice, isExploration: isExploration, under: id)
    actions.append(.assign(choice.worker, Assignment(lease: id, work: .job(work)), record))
  }

  /// A job that only machines with a running trial can take stops the trial on its best choice; the trial is planned
  /// again. A user who waits goes before a measurement that can wait.
  private mutating func preempt(_ choices: [RouteChoice], at now: Duration, _ actions: inout [LedgerAction]) {
    guard !trialMachines.isEmpty else { return }
    let machines = choices.compactMap { workers[$0.worker]?.machine }
    guard let first = machines.first, machines.allSatisfy(trialMachines.contains) else { return }
    // One that is stopping already is enough.
    let running = leases.filter { _, lease in
      if case .trial = lease.work { machines.contains(workers[lease.worker]!.machine) } else { false }
    }
    guard running.allSatisfy({ $0.value.revokedUntil == nil }) else { return }
    for (id, lease) in running where workers[lease.worker]!.machine == first {
      revoke(id, at: now, &actions)
    }
  }

  // MARK: Rankings

  mutating func route(_ key: RouteKey, _ choices: [RouteChoice], _ options: [ExplorationOption]) {
    guard routes[key] != nil else { return }
    routes[key]!.isRanking = false
    routes[key]!.choices = choices
    routes[key]!.options = options
    if routes.count > limits.routes {
      routes = routes.filter { !$0.value.waiting.isEmpty || $0.key == key }
    }
  }

  mutating func fail(_ key: RouteKey, _ reason: String, at now: Duration, _ actions: inout [LedgerAction]) {
    guard let route = routes.index(forKey: key) else { return }
    while let (job, _) = head(of: route) {
      routes.values[route].waiting.removeFirst()
      end(job, .failed, because: reason, at: now, &actions)
    }
    // The next job of this key asks again: a worker may have come by then.
    routes[key] = nil
  }

  // MARK: Trials

  private mutating func dispatchTrials(at now: Duration, _ actions: inout [LedgerAction]) {
    for id in trialOrder {
      guard let trial = trials[id], trial.lease == nil, let worker = workers[trial.worker] else { continue }
      let isBusy = workers.values.contains { $0.machine == worker.machine && !$0.leases.isEmpty }
      guard !isBusy, !isWanted(worker.machine) else { continue }
      let lease: LeaseID = identifiers.next("lease")
      leases[lease] = Lease(worker: trial.worker, work: .trial(id), lastProgress: now)
      workers[trial.worker]!.leases.insert(lease)
      trialMachines.insert(worker.machine)
      trials[id]!.lease = lease
      actions.append(.assign(trial.worker, Assignment(lease: lease, work: .trial(trial.spec)), nil))
    }
  }

  /// Whether a waiting job could run on the machine: then no trial starts there.
  private mutating func isWanted(_ machine: MachineID) -> Bool {
    guard queuedCount > 0 else { return false }
    for key in waitingKeys {
      guard let route = routes.index(forKey: key), head(of: route) != nil else { continue }
      if let choices = routes.values[route].choices {
        if choices.contains(where: { workers[$0.worker]?.machine == machine }) { return true }
      } else if workers.values.contains(where: { $0.machine == machine && $0.models.contains(key.model) }) {
        return true
      }
    }
    return false
  }
}
