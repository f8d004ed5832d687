import Glibc
import Messaging
import Selection
import Serving

/// Where a job runs, and whether it waits for it: filter, predict, pick.
///
/// 1. Filter: nodes that are there, are not taken by a trial, have a place or room in their queue, and did not fail the
///    job before; of each node the ranking's first strategy, or one that is loaded already.
/// 2. Predict TTFT and TPOT there, now: the selector's forecast for the job alone, times what the node's last outcomes
///    say of its speed with so many beside it, less what is cached of the prompt, plus the wait and the engine's load.
/// 3. Pick, by the policy: the coordinator's own takes the best foreseen objective.
///
/// Every waiting job has a node; in the node's queue clients take turns by `FairClock`, and those whose turn it is go by
/// what they are due: short jobs first, long ones in time. A pure struct: it is told what
/// happens and when, in seconds. A decision costs a pass over the nodes and allocates nothing once its buffer has grown.
struct Router: Sendable {
  /// Seconds that an engine is taken to load in before any was loaded.
  static let assumedLoadSeconds = 2.0
  /// Of its own time that a job may have to wait before it goes first.
  static let patience = 20.0
  /// Mean jobs that a client may be ahead of another for the sake of short ones.
  static let allowance = 4.0
  /// Part of the loading time of a node's first engine that counts against it.
  static let firstLoadShare = 0.25
  /// A prompt's cost that nothing saves: its last block is always read.
  static let leastReadShare = 0.02

  private(set) var nodes: [RoutingNode] = []
  private(set) var clock = FairClock()
  private var numbers: [WorkerName: Int] = [:]
  private var policy: any RoutingPolicy
  private var generator: SeededGenerator
  private var options: [RouteOption] = []
  private var sessions = SessionMemory()
  private var outputShares: [ModelID: OutputShare] = [:]
  /// Nodes where a place was freed since somebody last looked.
  private var freed: [Int] = []
  /// Mean over the last jobs; before any, twenty tokens a second.
  private var secondsPerWork = 0.05
  /// Of the last jobs that came.
  private var meanWork: Double?
  /// Jobs in the nodes' queues.
  private(set) var waitingCount = 0

  init(_ policy: RoutingPolicyName = .foreseen, seed: UInt64) {
    self.policy = policy.make()
    generator = SeededGenerator(seed: seed)
  }

  var movesWaiting: Bool { policy.movesWaiting }

  // MARK: Nodes

  mutating func join(_ name: WorkerName, machine: MachineID, slotCount: Int) {
    let node = number(of: name)
    nodes[node].machine = machine
    nodes[node].slotCount = slotCount
    nodes[node].isUp = true
    freed.append(node)
  }

  /// - Returns: the jobs that waited for it.
  mutating func lose(_ name: WorkerName) -> [JobID] {
    guard let node = numbers[name] else { return [] }
    let left = nodes[node].goDown()
    waitingCount -= left.count
    return left.map(\.job)
  }

  /// Trials have these machines to themselves.
  mutating func close(_ machines: Set<MachineID>) {
    for node in nodes.indices {
      let isClosed = machines.contains(nodes[node].machine)
      if nodes[node].isClosed, !isClosed { freed.append(node) }
      nodes[node].isClosed = isClosed
    }
  }

  mutating func hear(_ name: WorkerName, warm: [String]) {
    guard let node = numbers[name] else { return }
    nodes[node].engines.hear(Set(warm.map(StableNumber.of)))
  }

  /// Lets old outcomes fade, and has every node with a place and a queue looked at.
  mutating func tick(at now: Double) {
    for node in nodes.indices where nodes[node].isUp {
      nodes[node].prefill.age(at: now)
      nodes[node].decode.age(at: now)
      if nodes[node].hasRoom { freed.append(node) }
    }
  }

  mutating func takeFreed() -> [Int] {
    defer { freed.removeAll(keepingCapacity: true) }
    return freed
  }

  /// A number for good: of one that was lost too.
  mutating func number(of name: WorkerName) -> Int {
    if let number = numbers[name] { return number }
    nodes.append(RoutingNode(name, machine: MachineID("")))
    numbers[name] = nodes.count - 1
    return nodes.count - 1
  }

  mutating func ranked(_ choices: [RouteChoice], _ options: [ExplorationOption], _ key: RouteKey) -> RankedChoices {
    let loads = Dictionary(options.map { (RouteChoice($0), $0.loadSeconds) }) { first, _ in first }
    let facts = choices.map { choice in
      RankedChoices.Facts(choice, node: number(of: choice.worker), key: key, load: loads[choice])
    }
    return RankedChoices(choices, facts: facts, promptTokens: key.promptTokens, nodeCount: nodes.count)
  }

  // MARK: Deciding

  mutating func tag(_ flow: FairClock.Flow, work: Double) -> Double {
    meanWork = meanWork.map { $0 + 0.02 * (work - $0) } ?? work
    return clock.tag(flow, work: work)
  }

  /// What a job asks for over what jobs ask for on average.
  func size(work: Double) -> Double { min(max(work / (meanWork ?? work), 0.05), 20) }

  /// When a job is due that came now: after so many times as long as its work usually takes, or in time for its
  /// deadline. Who waits together goes in this order, so that short jobs do not wait for long ones, and the long ones'
  /// turn comes with time (the highest response ratio's idea, Brinch Hansen 1971).
  func due(work: Double, deadline: Double?, at now: Double) -> Double {
    let seconds = work * secondsPerWork
    return min(now + Self.patience * seconds, deadline.map { $0 - seconds } ?? .infinity)
  }

  /// The way to run a job; nil when every node that could is gone, full or taken by a trial.
  mutating func choose(
    _ job: RoutingJob, among ranked: RankedChoices, failed: [FailedChoice], at now: Double
  ) -> RouteOption? {
    options.removeAll(keepingCapacity: true)
    // What failed for this job is taken only when there is no other worker or strategy.
    let avoids =
      !failed.isEmpty
      && ranked.choices.indices.contains(where: {
        nodes[ranked.facts[$0].node].isUp && !ranked.choices[$0].isAmong(failed)
      })
    let placeOfSession = job.session.flatMap { sessions.place(of: $0) }
    let outputTokens = outputTokens(job)
    for place in ranked.facts.indices {
      let number = ranked.facts[place].node
      let node = nodes[number]
      guard node.isOpen, !(avoids && ranked.choices[place].isAmong(failed)) else {
        continue
      }
      // The first of a node stands, unless it has to be loaded and a later one has not and is foreseen to be better.
      var other: Int?
      if ranked.first(of: number) != place {
        other = options.firstIndex { $0.node == number }
        let facts = ranked.facts[place]
        if other != nil, !node.engines.has(facts.engine, configuration: facts.configuration) { continue }
      }
      let option = predict(job, place, ranked, placeOfSession, on: node, outputTokens: outputTokens, at: now)
      if let other {
        if options[other].load > 0, option.value < options[other].value { options[other] = option }
      } else {
        options.append(option)
      }
    }
    guard !options.isEmpty else { return nil }
    return options[policy.pick(options, using: &generator)]
  }

  /// What one choice promises now.
  ///
  /// - Parameter isPlaced: whether the job is in the node's queue already, as its last.
  func predict(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, _ session: SessionMemory.Place?, at now: Double,
    isPlaced: Bool = false
  ) -> RouteOption {
    predict(
      job, place, ranked, session, on: nodes[ranked.facts[place].node], outputTokens: outputTokens(job), at: now,
      isPlaced: isPlaced)
  }

  /// - Parameter node: the choice's, taken out of the list once.
  private func predict(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, _ session: SessionMemory.Place?, on node: RoutingNode,
    outputTokens: Double, at now: Double, isPlaced: Bool = false
  ) -> RouteOption {
    let facts = ranked.facts[place]
    var option = RouteOption(choice: place, node: facts.node)
    option.hasRoom = node.hasRoom && node.queue.isEmpty
    option.runningCount = node.running.count
    option.waitingCount = node.queue.count
    option.slotCount = node.slotCount
    option.outstandingWork = node.outstandingWork
    option.workPerSecond = node.workPerSecond
    var behind = 0
    if isPlaced {
      option.wait = node.waitOfLast(at: now)
    } else {
      (option.wait, behind) = node.wait(due: job.due, at: now)
    }
    // Beside it run those that run now, or as many as there are places if it has to wait for one.
    let beside = Double(min(option.runningCount, option.slotCount - 1))
    option.cachedShare = cachedShare(job, facts, on: node, session)
    let read = max(Self.leastReadShare, 1 - node.cacheTrust * option.cachedShare)
    let length = Double(job.promptTokens) / ranked.promptTokens
    option.prefill = facts.ttft * length * read * node.prefill.factor(beside: beside)
    option.tpot = facts.tpot * node.decode.factor(beside: beside)
    option.outputTokens = outputTokens
    let isLoaded = node.engines.has(facts.engine, configuration: facts.configuration)
    if !isLoaded { option.load = loadSeconds(facts, on: node) }
    option.isLate = isLate(job, option, at: now)
    option.value = value(job, option, price: facts.price)
    if option.load > 0, facts.price == nil {
      // Another engine's place may be taken, and that one loaded again for the next: a switch costs twice. An empty node
      // is no use to anybody until somebody loads an engine there: that one pays a part, those who come after the rest.
      option.value += option.load * (node.engines.hasAny ? 1 : Self.firstLoadShare - 1)
    }
    if facts.price == nil {
      // A second weighs as much less with a job as it is longer: what counts is how many times as long it takes.
      option.value += job.size * node.costToOthers(service: option.service, behind: behind, at: now)
    }
    return option
  }

  private func loadSeconds(_ facts: RankedChoices.Facts, on node: RoutingNode) -> Double {
    node.engines.ownLoadSeconds(facts.engine) ?? facts.load
      ?? node.engines.loadSeconds(facts.engine) ?? Self.assumedLoadSeconds
  }

  private func cachedShare(
    _ job: RoutingJob, _ facts: RankedChoices.Facts, on node: RoutingNode, _ session: SessionMemory.Place?
  ) -> Double {
    guard job.promptBytes > 0 else { return 0 }
    let blocks = node.memory.overlap(job.blocks, engine: facts.engine)
    if blocks > 0 { return min(1, Double(blocks * PromptBlocks.bytes) / Double(job.promptBytes)) }
    // A prompt that does not begin with anything it knows is not cached; one too short to tell may be.
    guard let session, session.node == facts.node, session.engine == facts.engine, job.blocks.hashes.isEmpty else {
      return 0
    }
    return min(1, Double(session.tokens) / Double(max(1, job.promptTokens))) / 2
  }

  private func outputTokens(_ job: RoutingJob) -> Double {
    max(1, Double(job.outputTokens) * (outputShares[job.model]?.mean ?? 1))
  }

  private func isLate(_ job: RoutingJob, _ option: RouteOption, at now: Double) -> Bool {
    if let deadline = job.deadline, now + option.e2e > deadline { return true }
    for slo in job.slos {
      let seconds =
        switch slo.metric {
        case .ttft: option.ttft
        case .tpot, .itl: option.tpot
        case .e2e: option.e2e
        }
      if seconds * 1000 > slo.limitMS { return true }
    }
    return false
  }

  private func value(_ job: RoutingJob, _ option: RouteOption, price: Double?) -> Double {
    switch job.objective {
    case .ttft: option.ttft
    // Its first token matters too, ten times less than it does to the whole.
    case .tpot: option.tpot * option.outputTokens + option.ttft / 10
    case .e2e, .throughput, .goodput: option.e2e
    // Price before time; but whoever asks for it does not wait behind a queue while another is free.
    case .cost, .energy: option.wait > 0 ? 1e9 + option.wait : price ?? 1e6 + option.e2e
    }
  }

  // MARK: Waiting

  mutating func enqueue(_ id: JobID, _ job: RoutingJob, _ option: RouteOption, engine: UInt64, at now: Double) {
    waitingCount += 1
    nodes[option.node].enqueue(
      RoutingNode.Waiting(
        job: id, engine: engine, seconds: option.service,
        work: RoutingJob.work(promptTokens: job.promptTokens, outputTokens: Int(option.outputTokens)), tag: job.tag,
        flow: job.flow, due: job.due, option: option, decidedAt: now), at: now)
  }

  mutating func remove(_ job: JobID, from node: Int, at now: Double) {
    if nodes[node].remove(job, at: now) != nil { waitingCount -= 1 }
  }

  /// The first that waits at a node with room, taken out of its queue.
  mutating func next(_ node: Int, at now: Double) -> RoutingNode.Waiting? {
    guard nodes[node].hasRoom, let next = nodes[node].removeNext(allowance: Self.allowance * (meanWork ?? 0), at: now)
    else { return nil }
    waitingCount -= 1
    clock.served(next.tag)
    return next
  }

  // MARK: Running

  /// A job starts, as foreseen by `option`, which may have been made when it began to wait.
  ///
  /// - Returns: what is foreseen from when its engine is loaded on; nil where the selector foresaw nothing.
  mutating func start(
    _ lease: LeaseID, _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, decided: RouteOption?,
    decidedAt: Double, at now: Double
  ) -> RouteOption? {
    let facts = ranked.facts[place]
    var option = predict(job, place, ranked, job.session.flatMap { sessions.place(of: $0) }, at: now)
    option.wait = 0
    let length = Double(job.promptTokens) / ranked.promptTokens
    let read = max(Self.leastReadShare, 1 - nodes[facts.node].cacheTrust * option.cachedShare)
    nodes[facts.node].start(
      RoutingNode.Running(
        lease: lease, engine: facts.engine, startedAt: now, foreseenEnd: now + option.service,
        prefill: facts.ttft * length * read, tpot: facts.tpot, cachedShare: option.cachedShare,
        promptTokens: job.promptTokens,
        work: RoutingJob.work(promptTokens: job.promptTokens, outputTokens: Int(option.outputTokens)), busyBefore: 0,
        isForeseen: facts.isForeseen, option: decided ?? option, decidedAt: decidedAt), at: now)
    nodes[facts.node].engines.serve(facts.engine, configuration: facts.configuration)
    nodes[facts.node].memory.insert(job.blocks, engine: facts.engine)
    if let session = job.session {
      let tokens = job.promptTokens + Int(option.outputTokens)
      sessions.keep(session, SessionMemory.Place(node: facts.node, engine: facts.engine, tokens: tokens))
    }
    // A worker's clock starts once the engine is loaded.
    option.load = 0
    return facts.isForeseen ? option : nil
  }

  /// A lease that nobody here decided on: of a worker that came back with it, or a trial's.
  mutating func start(unforeseen lease: LeaseID, on name: WorkerName, at now: Double) {
    let node = number(of: name)
    guard !nodes[node].running.contains(where: { $0.lease == lease }) else { return }
    let option = RouteOption(choice: 0, node: node)
    nodes[node].start(
      RoutingNode.Running(
        lease: lease, engine: 0, startedAt: now, foreseenEnd: now + 1, prefill: 0, tpot: 0, cachedShare: 0,
        promptTokens: 0, work: 0, busyBefore: 0, isForeseen: false, option: option, decidedAt: now), at: now)
  }

  /// A lease is over.
  ///
  /// - Parameter measurement: of a job that was completed; else nothing is learned.
  mutating func end(
    _ lease: LeaseID, on name: WorkerName, _ measurement: Measurement? = nil, of spec: JobSpec? = nil, at now: Double
  ) {
    guard let node = numbers[name], let (run, beside) = nodes[node].end(lease, at: now) else { return }
    freed.append(node)
    guard let measurement, let spec, case .completed(let metrics) = measurement.outcome, metrics.requestCount > 0 else {
      return
    }
    outputShares[spec.model, default: OutputShare()].learn(Double(metrics.outputTokenCount) / Double(spec.maxTokens))
    nodes[node].engines.learn(run.engine, loadSeconds: metrics.loadSeconds)
    let (ttft, e2e) = (metrics.ttft.meanMS / 1000, metrics.e2e.meanMS / 1000)
    if e2e > 0 {
      let speed =
        RoutingJob.work(promptTokens: run.promptTokens, outputTokens: metrics.outputTokenCount) / e2e
      nodes[node].workPerSecond = nodes[node].workPerSecond.map { 0.9 * $0 + 0.1 * speed } ?? speed
      secondsPerWork += 0.02 * (1 / speed - secondsPerWork)
      let waited = run.startedAt - run.decidedAt
      policy.learn(run.option, ttft: waited + ttft, e2e: waited + e2e)
    }
    guard run.isForeseen else { return }
    if let cached = measurement.samples.first?.cachedTokenCount, run.cachedShare > 0.1 {
      let tokens = measurement.samples[0].promptTokenCount
      let share = min(1, Double(cached) / Double(max(1, tokens)) / run.cachedShare)
      nodes[node].cacheTrust += 0.1 * (share - nodes[node].cacheTrust)
    }
    if run.prefill > 0, ttft > 0 { nodes[node].prefill.learn(ratio: ttft / run.prefill, beside: beside, at: now) }
    if run.tpot > 0, metrics.tpot.meanMS > 0 {
      nodes[node].decode.learn(ratio: metrics.tpot.meanMS / 1000 / run.tpot, beside: beside, at: now)
    }
  }
}

extension RouteChoice {
  fileprivate func isAmong(_ failed: [FailedChoice]) -> Bool {
    failed.contains(FailedChoice(worker: worker, configuration: candidate.configuration))
  }
}
