import Messaging
import Selection
import Serving

/// Which work goes where.
///
/// A job that waits is in one of two places: in the queue of the node that the router chose for it, or, while its key is
/// not ranked or every node that could run it is gone or full, with its key. Rankings come and nodes go; then it changes
/// place, never both at once (`JobEntry.node`).
extension JobLedger {
  mutating func dispatch(at now: Duration, _ actions: inout [LedgerAction]) {
    if queuedCount > 0 {
      rankWaiting(&actions)
      let freed = router.takeFreed()
      for node in freed { serve(node, at: now, &actions) }
      placeJobs(at: now, &actions)
      if router.movesWaiting, router.waitingCount > 0 {
        for node in freed { takeOver(node, at: now, &actions) }
      }
    } else {
      _ = router.takeFreed()
    }
    if trialOrder.count > 0 { dispatchTrials(at: now, &actions) }
  }

  // MARK: Jobs

  private mutating func rankWaiting(_ actions: inout [LedgerAction]) {
    for key in waitingKeys {
      guard let route = routes.index(forKey: key), head(of: route) != nil || routes.values[route].placedCount > 0 else {
        waitingKeys.remove(key)
        continue
      }
      if routes.values[route].startRanking() { actions.append(.rank(key)) }
    }
  }

  /// Sends jobs that have no node to one, the lowest tag over all keys first, so that no key starves another; a key whose
  /// first job finds none is passed over.
  private mutating func placeJobs(at now: Duration, _ actions: inout [LedgerAction]) {
    var heads: [(route: Int, job: JobID, tag: Double, sequence: Int)] = []
    for key in waitingKeys {
      if let route = routes.index(forKey: key), let head = head(of: route) {
        heads.append((route, head.job, head.tag, head.sequence))
      }
    }
    // No route comes or goes from here on, so their places stay.
    while let first = heads.indices.min(by: {
      (heads[$0].tag, heads[$0].sequence) < (heads[$1].tag, heads[$1].sequence)
    }) {
      let (route, job, _, _) = heads[first]
      if place(job, route, at: now, &actions) {
        _ = routes.values[route].strand(false)
        routes.values[route].waiting.removeFirst()
      } else {
        strand(route, &actions)
        preempt(routes.values[route].ranked?.choices ?? [], at: now, &actions)
        heads.remove(at: first)
        continue
      }
      if let next = head(of: route) {
        (heads[first].job, heads[first].tag, heads[first].sequence) = next
      } else {
        heads.remove(at: first)
      }
    }
  }

  /// The first of a route's jobs without a node, past those that do not wait any more (cancelled ones).
  private mutating func head(of route: Int) -> (job: JobID, tag: Double, sequence: Int)? {
    while let id = routes.values[route].waiting.first {
      if let entry = jobs.index(forKey: id), jobs.values[entry].state == .queued, jobs.values[entry].node == nil {
        return (id, jobs.values[entry].routing!.tag, jobs.values[entry].sequence)
      }
      routes.values[route].waiting.removeFirst()
    }
    return nil
  }

  /// Starts a job on the node the router chooses, or has it wait there.
  ///
  /// - Returns: false when no node takes it now.
  private mutating func place(
    _ id: JobID, _ route: Int, at now: Duration, _ actions: inout [LedgerAction]
  ) -> Bool {
    guard let ranked = routes.values[route].ranked, let entry = jobs.index(forKey: id),
      let job = jobs.values[entry].routing,
      let option = router.choose(job, among: ranked, failed: jobs.values[entry].failed, at: now.seconds)
    else { return false }
    if option.hasRoom {
      assign(id, option.choice, decided: option, decidedAt: now.seconds, route, at: now, &actions)
    } else {
      queue(id, job, option, engine: ranked.facts[option.choice].engine, at: now)
      routes.values[route].placedCount += 1
      // Room beside a queue: the first of the queue is as good.
      serve(option.node, at: now, &actions)
    }
    return true
  }

  private mutating func queue(_ id: JobID, _ job: RoutingJob, _ option: RouteOption, engine: UInt64, at now: Duration) {
    router.enqueue(id, job, option, engine: engine, at: now.seconds)
    jobs[id]!.node = option.node
  }

  /// Starts those that wait at a node while it has room.
  private mutating func serve(_ node: Int, at now: Duration, _ actions: inout [LedgerAction]) {
    while let next = router.next(node) {
      jobs[next.job]!.node = nil
      let key = jobs[next.job]!.key!
      let route = routes.index(forKey: key)!
      routes.values[route].placedCount -= 1
      guard !endIfLate(next.job, at: now, &actions) else { continue }
      // Ranked again since, its strategy may have lost its place: then the node's first one.
      guard let ranked = routes.values[route].ranked,
        let choice = ranked.choice(of: node, engine: next.engine) ?? ranked.first(of: node)
      else {
        wait(next.job, key)
        continue
      }
      assign(next.job, choice, decided: next.option, decidedAt: next.decidedAt, route, at: now, &actions)
    }
  }

  /// - Parameter route: the job's.
  private mutating func assign(
    _ id: JobID, _ place: Int, decided: RouteOption, decidedAt: Double, _ route: Int,
    at now: Duration, _ actions: inout [LedgerAction]
  ) {
    guard var ranked = routes.values[route].ranked else { return wait(id, routes.keys[route]) }
    let entry = jobs.index(forKey: id)!
    let job = jobs.values[entry].routing!
    var (place, decided) = (place, Optional(decided))
    let trial = exploration(
      insteadOf: ranked.choices[place], isNew: jobs.values[entry].record.attemptCount == 0,
      routes.values[route].options)
    if let trial, let explored = routes.values[route].explored { (ranked, place, decided) = (explored, trial, nil) }
    var choice = ranked.choices[place]
    let lease = identifiers.lease(for: id)
    let foreseen = router.start(
      lease, job, place, ranked, decided: decided, decidedAt: decided == nil ? now.seconds : decidedAt,
      at: now.seconds)
    if let foreseen { choice.foresee(foreseen) }
    leases.insert(
      Lease(
        worker: choice.worker, work: .job(id), lastProgress: now,
        hedgeAfter: hedgeTime(of: entry, foreseen, at: now)), forKey: lease)
    workers.values[workers.index(forKey: choice.worker)!].leases.insert(lease)
    queue.leave(jobs.values[entry].record.owner)
    if !deadlined.isEmpty { deadlined.remove(id) }
    let (work, record) = jobs.values[entry].run(as: choice, isExploration: trial != nil, under: lease)
    actions.append(.assign(choice.worker, Assignment(lease: lease, work: .job(work)), record))
  }

  /// What a new job tries in place of its best choice, by its place among the options; nil for almost all.
  private mutating func exploration(
    insteadOf choice: RouteChoice, isNew: Bool, _ options: [ExplorationOption]
  ) -> Int? {
    guard explorer.policy.share > 0, options.count > 1, let worker = workers.index(forKey: choice.worker),
      explorer.isDue(isIdle: queuedCount == 1 && workers.values[worker].leases.isEmpty), isNew
    else { return nil }
    return explorer.pick(instead: choice, among: options, hasRoom: hasRoom)
  }

  private func hasRoom(_ name: WorkerName) -> Bool {
    guard let worker = workers[name], worker.leases.count < worker.jobCapacity else { return false }
    return trialMachines.isEmpty || !trialMachines.contains(worker.machine)
  }

  /// Says of the jobs of a route that they have nowhere to go, once each time it comes to be so. While the route is ranked
  /// nobody knows.
  private mutating func strand(_ route: Int, _ actions: inout [LedgerAction]) {
    guard let ranked = routes.values[route].ranked, !routes.values[route].isRanking else { return }
    let hasWorker = ranked.choices.contains { workers[$0.worker] != nil }
    for id in routes.values[route].strand(!hasWorker) {
      if let entry = jobs[id], entry.state == .queued { actions.append(.jobStranded(entry.record)) }
    }
  }

  /// A job that only machines with a running trial can take stops the trial on its best choice; the trial is planned
  /// again. A user who waits goes before a measurement that can wait. One of placements is not stopped: it takes minutes at
  /// most, and would have to be asked for again.
  private mutating func preempt(_ choices: [RouteChoice], at now: Duration, _ actions: inout [LedgerAction]) {
    guard !trialMachines.isEmpty else { return }
    let machines = choices.compactMap { workers[$0.worker]?.machine }
    guard let first = machines.first, machines.allSatisfy(trialMachines.contains) else { return }
    // One that is stopping already is enough.
    let running = leases.filter { _, lease in
      guard case .trial(let trial) = lease.work, case .benchmark? = trials[trial]?.work else { return false }
      return machines.contains(workers[lease.worker]!.machine)
    }
    guard running.allSatisfy({ $0.value.revokedUntil == nil }) else { return }
    for (id, lease) in running where workers[lease.worker]!.machine == first {
      revoke(id, at: now, &actions)
    }
  }

  // MARK: Jobs that change place

  /// A node is gone, and this job waited for it.
  mutating func displace(_ id: JobID) {
    guard let key = jobs[id]?.key else { return }
    jobs[id]!.node = nil
    routes[key]?.placedCount -= 1
    wait(id, key)
  }

  /// A node that has nothing to do takes over jobs that wait for others, as long as they end sooner here. Of each queue
  /// the last is asked, which has most to gain and whose place nobody minds.
  private mutating func takeOver(_ thief: Int, at now: Duration, _ actions: inout [LedgerAction]) {
    while router.nodes[thief].hasRoom, router.nodes[thief].queue.isEmpty {
      var best: (job: JobID, gain: Double, option: RouteOption)?
      for node in router.nodesToAsk() {
        guard let last = router.nodes[node].queue.last, let entry = jobs.index(forKey: last.job),
          let key = jobs.values[entry].key, let ranked = routes[key]?.ranked, let place = ranked.first(of: thief),
          jobs.values[entry].failed.isEmpty, let there = ranked.choice(of: node, engine: last.engine),
          let job = jobs.values[entry].routing
        else { continue }
        let here = router.predict(job, place, ranked, nil, at: now.seconds)
        let stay = router.predict(job, there, ranked, nil, at: now.seconds, isPlaced: true)
        let gain = stay.value - here.value
        // What it must gain is a tenth: forecasts are no better, and moving back and forth helps nobody.
        if gain > 0.1 * stay.value, gain > best?.gain ?? 0, !here.isLate || stay.isLate {
          best = (last.job, gain, here)
        }
      }
      guard let best else { return }
      unplace(best.job)
      let route = routes.index(forKey: jobs[best.job]!.key!)!
      assign(best.job, best.option.choice, decided: best.option, decidedAt: now.seconds, route, at: now, &actions)
    }
  }

  /// Has the last of each queue choose again, now and then: what was foreseen when it came may have turned out otherwise.
  mutating func replace(at now: Duration) {
    guard router.movesWaiting, router.waitingCount > 0 else { return }
    for node in router.nodes.indices {
      guard let last = router.nodes[node].queue.last, let entry = jobs[last.job], let key = entry.key,
        let job = entry.routing, let ranked = routes[key]?.ranked
      else { continue }
      guard let there = ranked.choice(of: node, engine: last.engine) else {
        unplace(last.job)
        wait(last.job, key)
        continue
      }
      let stay = router.predict(job, there, ranked, nil, at: now.seconds, isPlaced: true)
      guard let option = router.choose(job, among: ranked, failed: entry.failed, isNew: false, at: now.seconds),
        option.node != node,
        option.value < 0.9 * stay.value
      else { continue }
      unplace(last.job)
      queue(last.job, job, option, engine: ranked.facts[option.choice].engine, at: now)
      routes[key]!.placedCount += 1
    }
  }

  // MARK: Rankings

  mutating func route(_ key: RouteKey, _ choices: [RouteChoice], _ options: [ExplorationOption]) {
    guard routes[key] != nil else { return }
    routes[key]!.isRanking = false
    routes[key]!.ranked = router.ranked(choices, options, key)
    routes[key]!.options = options
    routes[key]!.explored = options.isEmpty ? nil : router.ranked(options.map(RouteChoice.init), options, key)
    if routes.values.count > limits.routes {
      for (other, route) in routes where route.waiting.isEmpty && route.placedCount == 0 && other != key {
        routes.removeValue(forKey: other)
      }
    }
  }

  mutating func fail(
    _ key: RouteKey, _ reason: String, _ finishReason: FinishReason?, at now: Duration,
    _ actions: inout [LedgerAction]
  ) {
    guard let route = routes.index(forKey: key) else { return }
    if routes.values[route].placedCount > 0 {
      let placed = router.nodes.flatMap(\.queue).map(\.job).filter { jobs[$0]?.key == key }
      for job in placed { end(job, .failed, because: reason, finishReason, at: now, &actions) }
    }
    while let (job, _, _) = head(of: route) {
      routes.values[route].waiting.removeFirst()
      end(job, .failed, because: reason, finishReason, at: now, &actions)
    }
    // The next job of this key asks again: a worker may have come by then.
    routes[key] = nil
    prewarming.mix.forget(key)
  }

  // MARK: Trials

  private mutating func dispatchTrials(at now: Duration, _ actions: inout [LedgerAction]) {
    for id in trialOrder {
      guard let trial = trials[id], trial.lease == nil else { continue }
      let machines = Set(trial.workers.compactMap { workers[$0]?.machine })
      // All of its machines or none.
      guard trial.workers.allSatisfy({ workers[$0]?.jobCapacity ?? 0 > 0 }), !machines.contains(where: { isBusy($0) }),
        !machines.contains(where: { isWanted($0) })
      else { continue }
      let lease: LeaseID = identifiers.next("lease")
      leases[lease] = Lease(
        worker: trial.workers[0], others: Array(trial.workers.dropFirst()), work: .trial(id), lastProgress: now)
      for name in trial.workers {
        workers[name]!.leases.insert(lease)
        router.start(unforeseen: lease, on: name, at: now.seconds)
      }
      trialMachines.formUnion(machines)
      router.close(trialMachines)
      trials[id]!.lease = lease
      switch trial.work {
      case .benchmark(let spec):
        actions.append(.assign(trial.workers[0], Assignment(lease: lease, work: .trial(spec)), nil))
      case .placement(let spec): open(lease, spec, on: trial.workers, at: now, &actions)
      }
    }
  }

  private func isBusy(_ machine: MachineID) -> Bool {
    workers.values.contains { $0.machine == machine && !$0.leases.isEmpty }
  }

  /// Whether a waiting job could run on the machine, and has no other to wait for: then no trial starts there.
  private mutating func isWanted(_ machine: MachineID) -> Bool {
    guard queuedCount > 0 else { return false }
    if router.nodes.contains(where: { $0.machine == machine && !$0.queue.isEmpty }) { return true }
    for key in waitingKeys {
      guard let route = routes.index(forKey: key), head(of: route) != nil else { continue }
      if let ranked = routes.values[route].ranked {
        if ranked.choices.contains(where: { workers[$0.worker]?.machine == machine }) { return true }
      } else if workers.values.contains(where: { $0.machine == machine && $0.models.contains(key.model) }) {
        return true
      }
    }
    return false
  }
}
