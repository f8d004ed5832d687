import Messaging
import Selection
import Serving

/// Where a job runs, and whether it waits for it: filter, predict, pick.
///
/// 1. Filter: nodes that are there, are not taken by a trial, have a place or room in their queue, and did not fail the
///    job before; of each node the ranking's first strategy, or one that is loaded already.
/// 2. Predict TTFT and TPOT there, now: the selector's forecast for the job alone, times what the node's last outcomes
///    say of its speed with so many beside it, less what is cached of the prompt, plus the wait and the engine's load.
/// 3. Pick, by the policy: the coordinator's own takes the best foreseen objective, with what the job takes from others:
///    it slows those beside it, those behind it wait, and its place may be missed by those who come (`SlotPrice`).
///
/// Every waiting job has a node; in the node's queue owners take turns by `FairClock`, and those whose turn it is go by
/// what they are due: short jobs first, long ones in time. A pure struct: it is told what
/// happens and when, in seconds. A decision costs a pass over the nodes and allocates nothing once its buffer has grown.
struct Router: Sendable {
  /// Seconds that an engine is taken to load in before any was loaded.
  static let assumedLoadSeconds = 2.0
  /// Of its own time that a job may have to wait before it goes first.
  static let patience = 20.0
  /// Mean jobs that an owner may be ahead of another for the sake of short ones.
  static let allowance = 4.0
  /// Nodes with a queue that one which has nothing to do looks at.
  static let mostAsked = 32
  /// Part of the loading time of a node's first engine that counts against it.
  static let firstLoadShare = 0.25
  /// Times an engine's load that a job waits which needs one, while others come that do not: a switch loads twice, and so
  /// a quarter of the time at most is lost to loading.
  static let loadPatience = 8.0
  /// A prompt's cost that nothing saves: its last block is always read.
  static let leastReadShare = 0.02

  var nodes: [RoutingNode] = []
  private(set) var clock = FairClock()
  private var numbers: [WorkerName: Int] = [:]
  private var policy: any RoutingPolicy
  private let order: QueueOrder
  private var generator: SeededGenerator
  private var options: [RouteOption] = []
  private var sessions = SessionMemory()
  private var outputShares: [ModelID: OutputShare] = [:]
  /// Nodes where a place was freed since somebody last looked.
  private var freed: [Int] = []
  /// Mean over the last jobs; before any, twenty tokens a second.
  private var secondsPerWork = 0.05
  /// Of the last jobs that came.
  private(set) var meanWork: Double?
  /// Jobs in the nodes' queues.
  private(set) var waitingCount = 0
  /// Nodes that were silent last; almost always none.
  private var silentCount = 0
  /// The node whose queue is asked first when one has nothing to do.
  private var firstAsked = 0

  init(_ policy: RoutingPolicyName = .foreseen, order: QueueOrder = .due, seed: UInt64) {
    self.init(policy: policy.make(), order: order, seed: seed)
  }

  init(policy: any RoutingPolicy, order: QueueOrder = .due, seed: UInt64) {
    self.policy = policy
    self.order = order
    generator = SeededGenerator(seed: seed)
  }

  var movesWaiting: Bool { policy.movesWaiting }
  var takesLeastValue: Bool { policy.takesLeastValue }

  // MARK: Nodes

  /// - Parameter engineMemoryBytes: what its engines may take together; nil where it does not say.
  mutating func join(_ name: WorkerName, machine: MachineID, slotCount: Int, engineMemoryBytes: Int? = nil) {
    let node = number(of: name)
    nodes[node].engines.memoryBytes = engineMemoryBytes
    nodes[node].machine = machine
    nodes[node].slotCount = slotCount
    nodes[node].isUp = true
    speaks(name)
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

  /// - Returns: the engine that was to be loaded there before its jobs came, and is not.
  @discardableResult mutating func hear(
    _ name: WorkerName, warm: [String], warming: String? = nil
  ) -> Prewarming.Spot? {
    guard let node = numbers[name],
      let failed = nodes[node].hear(warm.map(StableHash.of), warming: warming.map(StableHash.of))
    else { return nil }
    return Prewarming.Spot(node: node, engine: failed)
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

  mutating func flow(of owner: JobOwner, priority: Int) -> FairClock.Flow { clock.flow(of: owner, priority: priority) }

  mutating func tag(_ flow: FairClock.Flow, work: Double) -> Double {
    meanWork = meanWork.map { $0 + 0.02 * (work - $0) } ?? work
    return clock.tag(flow, work: work)
  }

  /// A job runs twice at once: its client's meter goes on by the prompt, which is read twice.
  mutating func charge(_ job: RoutingJob) {
    _ = clock.tag(job.flow, work: RoutingJob.work(promptTokens: job.promptTokens, outputTokens: 0))
  }

  /// When a job is due that came now: after so many times as long as its work usually takes, or in time for its
  /// deadline. Who waits together goes in this order, so that short jobs do not wait for long ones, and the long ones'
  /// turn comes with time (the highest response ratio's idea, Brinch Hansen 1971).
  func due(work: Double, deadline: Double?, at now: Double) -> Double {
    guard order == .due else { return now }
    let seconds = work * secondsPerWork
    return min(now + Self.patience * seconds, deadline.map { $0 - seconds } ?? .infinity)
  }

  /// How many times a second that others lose weighs as much as one that a job itself loses.
  ///
  /// What counts is how many times as long each job takes, so a second weighs less with a long one. The share of the mean
  /// is squared, because most jobs are short and ask for little of the work; and it is bounded, because the longest would
  /// be pushed to the slowest nodes, and the shortest would rule the prices.
  func size(work: Double) -> Double {
    let share = min(max(work / (meanWork ?? work), 0.2), 2)
    return share * share
  }

  /// The way to run a job; nil when every node that could is gone, full or taken by a trial.
  ///
  /// - Parameter isNew: whether it chooses for the first time; what it misses for want of a place is noted then.
  mutating func choose(
    _ job: RoutingJob, among ranked: RankedChoices, failed: [FailedChoice], isNew: Bool = true, at now: Double
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
    // Of those that are in time, where only the least can be taken.
    let prunes = policy.takesLeastValue
    var least = Double.infinity
    for place in ranked.facts.indices {
      let facts = ranked.facts[place]
      guard nodes[facts.node].isOpen, !(avoids && ranked.choices[place].isAmong(failed)) else {
        continue
      }
      // The first of a node stands, unless it has to be loaded and a later one has not and is foreseen to be better.
      var other: Int?
      if let first = ranked.first(of: facts.node), first != place {
        other = options.firstIndex { $0.node == facts.node }
        // The first was pruned, if it did not fail.
        if other == nil, prunes, !(avoids && ranked.choices[first].isAmong(failed)) { continue }
        if other != nil, !nodes[facts.node].engines.has(facts.engine, configuration: facts.configuration) { continue }
      }
      if least < .infinity, other == nil,
        least < nodes[facts.node].leastValue(job, place, ranked, outputTokens: outputTokens)
      {
        continue
      }
      let option = nodes[facts.node].predict(job, place, ranked, placeOfSession, outputTokens: outputTokens, at: now)
      if prunes, !option.isLate { least = min(least, option.value) }
      if let other {
        if options[other].load > 0, option.value < options[other].value { options[other] = option }
      } else {
        options.append(option)
      }
    }
    guard !options.isEmpty else { return nil }
    let picked = options[policy.pick(options, using: &generator)]
    if isNew {
      for option in options where option.wait > 0 && option.feltAtOnce < picked.felt {
        nodes[option.node].price.lost((picked.felt - option.feltAtOnce) / job.size, at: now)
      }
    }
    return picked
  }

  /// Tokens it is expected to write, of those it may.
  func outputTokens(_ job: RoutingJob) -> Double {
    max(1, Double(job.outputTokens) * (outputShares[job.model]?.mean ?? 1))
  }

  // MARK: Waiting

  mutating func enqueue(_ id: JobID, _ job: RoutingJob, _ option: RouteOption, engine: UInt64, at now: Double) {
    waitingCount += 1
    nodes[option.node].enqueue(
      RoutingNode.Waiting(
        job: id, engine: engine, seconds: option.service,
        work: RoutingJob.work(promptTokens: job.promptTokens, outputTokens: Int(option.outputTokens)), tag: job.tag,
        flow: job.flow, due: job.due, option: option, decidedAt: now))
  }

  mutating func remove(_ job: JobID, from node: Int) {
    if nodes[node].remove(job) != nil { waitingCount -= 1 }
  }

  /// The first that waits at a node with room, taken out of its queue.
  mutating func next(_ node: Int) -> RoutingNode.Waiting? {
    let allowance = order == .due ? Self.allowance * (meanWork ?? 0) : .infinity
    let patience = order == .due ? Self.loadPatience : 0
    guard nodes[node].hasRoom,
      let next = nodes[node].removeNext(allowance: allowance, loadPatience: patience)
    else { return nil }
    waitingCount -= 1
    clock.served(next.tag)
    return next
  }

  /// Nodes where jobs wait; of many some, and others the next time, as whoever steals work looks at few victims (Blumofe,
  /// Leiserson 1999).
  mutating func nodesToAsk() -> [Int] {
    var found: [Int] = []
    guard waitingCount > 0 else { return found }
    for offset in nodes.indices where !nodes[(firstAsked + offset) % nodes.count].queue.isEmpty {
      found.append((firstAsked + offset) % nodes.count)
      guard found.count < Self.mostAsked else {
        firstAsked = (found[found.count - 1] + 1) % nodes.count
        break
      }
    }
    return found
  }

  // MARK: Running

  /// A job starts, as foreseen by `option`, which may have been made when it began to wait.
  ///
  /// - Returns: what is foreseen from now on; nil where the selector foresaw nothing.
  mutating func start(
    _ lease: LeaseID, _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, decided: RouteOption?,
    decidedAt: Double, at now: Double
  ) -> RouteOption? {
    let facts = ranked.facts[place]
    var option = nodes[facts.node].predict(
      job, place, ranked, job.session.flatMap { sessions.place(of: $0) }, outputTokens: outputTokens(job), at: now)
    option.wait = 0
    option.silence = 0
    let length = Double(job.promptTokens) / ranked.promptTokens
    let read = max(Self.leastReadShare, 1 - nodes[facts.node].cacheTrust * option.cachedShare)
    nodes[facts.node].start(
      RoutingNode.Running(
        lease: lease, engine: facts.engine, startedAt: now, loadsFirst: option.load > 0,
        foreseenEnd: now + option.service, prefill: facts.ttft * length * read, tpot: facts.tpot,
        cachedShare: option.cachedShare, promptTokens: job.promptTokens,
        work: RoutingJob.work(promptTokens: job.promptTokens, outputTokens: Int(option.outputTokens)), busyBefore: 0,
        isForeseen: facts.isForeseen, option: decided ?? option, decidedAt: decidedAt), at: now)
    nodes[facts.node].engines.serve(
      facts.engine, configuration: facts.configuration, readyAt: now + option.load, bytes: facts.memoryBytes, at: now)
    nodes[facts.node].memory.insert(job.blocks, engine: facts.engine)
    if let session = job.session {
      let tokens = job.promptTokens + Int(option.outputTokens)
      sessions.keep(session, SessionMemory.Place(node: facts.node, engine: facts.engine, tokens: tokens))
    }
    return facts.isForeseen ? option : nil
  }

  /// A lease that nobody here decided on: of a worker that came back with it, or a trial's.
  mutating func start(unforeseen lease: LeaseID, on name: WorkerName, at now: Double) {
    let node = number(of: name)
    guard !nodes[node].running.contains(where: { $0.lease == lease }) else { return }
    let option = RouteOption(choice: 0, node: node)
    nodes[node].start(
      RoutingNode.Running(
        lease: lease, engine: 0, startedAt: now, loadsFirst: false, foreseenEnd: now + 1, prefill: 0, tpot: 0,
        cachedShare: 0, promptTokens: 0, work: 0, busyBefore: 0, isForeseen: false, option: option, decidedAt: now),
      at: now)
  }

  /// Another node gave the first token of a job that this one said nothing of for longer than was foreseen. One that had
  /// an engine to load may have been held up by that.
  mutating func outrun(_ lease: LeaseID, on name: WorkerName, at now: Double) {
    guard let node = numbers[name], let run = nodes[node].running.first(where: { $0.lease == lease }), !run.loadsFirst
    else { return }
    let foreseen = run.prefill * nodes[node].prefill.factor(beside: Double(nodes[node].running.count - 1))
    guard now - run.startedAt > foreseen else { return }
    if nodes[node].silence == nil { silentCount += 1 }
    nodes[node].silence = NodeSilence(after: nodes[node].silence, from: run.startedAt, until: now)
  }

  /// A node gave a token.
  mutating func speaks(_ name: WorkerName) {
    guard silentCount > 0, let node = numbers[name], nodes[node].silence != nil else { return }
    nodes[node].silence = nil
    silentCount -= 1
  }

  /// A lease is over.
  ///
  /// - Parameter measurement: of a job that was completed; else nothing is learned, and nothing of the node's speed where a
  ///   restored slot had the prompt.
  mutating func end(
    _ lease: LeaseID, on name: WorkerName, _ measurement: Measurement? = nil, of spec: JobSpec? = nil,
    at now: Double
  ) {
    guard let node = numbers[name], let (run, beside) = nodes[node].end(lease, at: now) else { return }
    freed.append(node)
    guard let measurement, let spec, case .completed(let metrics) = measurement.outcome, metrics.requestCount > 0 else {
      return
    }
    speaks(name)
    let share = Double(metrics.outputTokenCount) / Double(spec.maxTokens)
    outputShares[spec.model, default: OutputShare()].learn(share)
    nodes[node].engines.learn(run.engine, loadSeconds: metrics.loadSeconds)
    guard !measurement.hasRestoredPrefix else { return }
    let (ttft, e2e) = (metrics.ttft.meanMS / 1000, metrics.e2e.meanMS / 1000)
    if e2e > 0 {
      let speed =
        RoutingJob.work(promptTokens: run.promptTokens, outputTokens: metrics.outputTokenCount) / e2e
      nodes[node].workPerSecond = nodes[node].workPerSecond.map { 0.9 * $0 + 0.1 * speed } ?? speed
      secondsPerWork += 0.02 * (1 / speed - secondsPerWork)
      let waited = run.startedAt - run.decidedAt
      if !metrics.cameAtOnce { policy.learn(run.option, ttft: waited + ttft, e2e: waited + e2e) }
    }
    guard run.isForeseen, !metrics.cameAtOnce else { return }
    if let cached = measurement.samples.first?.cachedTokenCount, run.cachedShare > 0.1 {
      let tokens = measurement.samples[0].promptTokenCount
      let share = min(1, Double(cached) / Double(max(1, tokens)) / run.cachedShare)
      nodes[node].cacheTrust += 0.1 * (share - nodes[node].cacheTrust)
    }
    if run.prefill > 0, ttft > 0 {
      let tokens = Double(run.promptTokens) * (1 - run.cachedShare)
      nodes[node].prefill.learn(ratio: ttft / run.prefill, beside: beside, tokens: max(1, tokens), at: now)
    }
    if run.tpot > 0, metrics.tpot.meanMS > 0 {
      let (ratio, tokens) = (metrics.tpot.meanMS / 1000 / run.tpot, Double(metrics.outputTokenCount))
      nodes[node].decode.learn(ratio: ratio, beside: beside, tokens: tokens, at: now)
    }
  }
}

extension RouteChoice {
  func isAmong(_ failed: [FailedChoice]) -> Bool {
    failed.contains(FailedChoice(worker: worker, configuration: candidate.configuration))
  }
}
