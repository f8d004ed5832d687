import Serving

/// A worker as the router sees it: who runs and waits there, how fast it is, and what its engines remember.
struct RoutingNode: Sendable {
  struct Running: Sendable {
    var lease: LeaseID
    var engine: UInt64
    var startedAt: Double
    /// Whether its engine was not loaded when it started.
    var loadsFirst: Bool
    var foreseenEnd: Double
    /// What was foreseen for it alone on the node: reading the prompt without what was cached, and each token.
    var prefill: Double
    var tpot: Double
    var cachedShare: Double
    var promptTokens: Int
    var work: Double
    /// `busySeconds` when it started.
    var busyBefore: Double
    /// Whether the selector foresaw it; else its time says nothing of the node's speed.
    var isForeseen: Bool
    /// How it was decided, and when.
    var option: RouteOption
    var decidedAt: Double
  }

  struct Waiting: Sendable {
    var job: JobID
    var engine: UInt64
    /// How long it is foreseen to keep its place.
    var seconds: Double
    var work: Double
    var tag: Double
    var flow: FairClock.Flow
    var due: Double
    var option: RouteOption
    var decidedAt: Double
  }

  /// Jobs that may wait here for each place: so long a queue is better shared.
  static let waitingPerSlot = 32

  let name: WorkerName
  var machine: MachineID
  var isUp = false
  /// A trial has the machine to itself.
  var isClosed = false
  var slotCount = 1
  private(set) var running: [Running] = []
  /// By what they are due.
  private(set) var queue: [Waiting] = []
  private var queuedSeconds = 0.0
  private(set) var outstandingWork = 0.0
  private var soonestEnd = 0.0
  /// Job-seconds run here until `busyAt`.
  private var busySeconds = 0.0
  private var busyAt = 0.0
  /// Of its places, while they are all taken.
  var price = SlotPrice()

  var prefill = NodeSpeed()
  var decode = NodeSpeed()
  var workPerSecond: Double?
  var memory = PrefixMemory()
  /// How much of what was thought to be cached was.
  var cacheTrust = 0.8
  var engines = LoadedEngines()
  /// Since it said nothing of a job that another node had the first token of; nil once it says anything.
  var silence: NodeSilence?

  init(_ name: WorkerName, machine: MachineID) {
    self.name = name
    self.machine = machine
  }

  var hasRoom: Bool { isUp && !isClosed && running.count < slotCount }
  /// Whether a job may go there, to run or to wait.
  var isOpen: Bool { isUp && !isClosed && (running.count < slotCount || queue.count < slotCount * Self.waitingPerSlot) }

  var isIdle: Bool { isOpen && running.isEmpty && queue.isEmpty }

  // MARK: Running

  mutating func start(_ run: Running, at now: Double) {
    count(until: now)
    var run = run
    run.busyBefore = busySeconds
    running.append(run)
    outstandingWork += run.work
    soonestEnd = running.count == 1 ? run.foreseenEnd : min(soonestEnd, run.foreseenEnd)
  }

  /// - Returns: what ran, and how many jobs ran beside it on average; nil for a lease that is not known here.
  mutating func end(_ lease: LeaseID, at now: Double) -> (run: Running, beside: Double)? {
    guard let place = running.firstIndex(where: { $0.lease == lease }) else { return nil }
    count(until: now)
    let run = running.remove(at: place)
    outstandingWork = running.isEmpty && queue.isEmpty ? 0 : max(0, outstandingWork - run.work)
    soonestEnd = running.lazy.map(\.foreseenEnd).min() ?? 0
    let seconds = now - run.startedAt
    let beside = seconds > 0 ? (busySeconds - run.busyBefore) / seconds - 1 : Double(running.count)
    return (run, max(0, beside))
  }

  private mutating func count(until now: Double) {
    busySeconds += Double(running.count) * max(0, now - busyAt)
    busyAt = now
  }

  /// Seconds for which it is foreseen to say nothing.
  func silence(at now: Double) -> Double { silence?.seconds(at: now) ?? 0 }

  // MARK: Engines

  /// What a heartbeat says is loaded, and is being loaded for nobody in particular: configurations.
  ///
  /// - Returns: the engine that was to be loaded so and is not.
  mutating func hear(_ warm: [UInt64], warming: UInt64?) -> UInt64? {
    let running = running
    return engines.hear(warm, warming: warming) { engine in running.contains { $0.engine == engine } }
  }

  // MARK: Waiting

  mutating func enqueue(_ job: Waiting) {
    var place = queue.count
    while place > 0, queue[place - 1].due > job.due { place -= 1 }
    queue.insert(job, at: place)
    queuedSeconds += job.seconds
    outstandingWork += job.work
  }

  /// The next one: what is due first among the owners whose turn it is, give or take `allowance`. Who asks for little
  /// goes by what is due, and who asks for much more than others gets no more than they do. A tag is a turn of its owner:
  /// the job that goes takes the owner's first, and the one whose turn that was takes its. One that needs an engine loaded
  /// lets those pass that do not, until it is so many loads late.
  mutating func removeNext(allowance: Double, loadPatience: Double) -> Waiting? {
    guard let turn = queue.lazy.map(\.tag).min() else { return nil }
    var chosen: (place: Int, first: Int)?
    var latest = Double.infinity
    for place in queue.indices {
      guard queue[place].due <= latest else { break }
      let isLoaded = engines.mayHave(queue[place].engine)
      if chosen != nil, !isLoaded { continue }
      let flow = queue[place].flow
      let first = queue.indices.filter { queue[$0].flow == flow }.min { queue[$0].tag < queue[$1].tag }!
      guard queue[first].tag <= turn + allowance else { continue }
      chosen = (place, first)
      if isLoaded { break }
      latest =
        queue[place].due
        + loadPatience * (engines.loadSeconds(queue[place].engine) ?? Router.assumedLoadSeconds)
    }
    guard let (place, first) = chosen else { return nil }
    (queue[place].tag, queue[first].tag) = (queue[first].tag, queue[place].tag)
    return remove(at: place)
  }

  mutating func remove(_ job: JobID) -> Waiting? {
    queue.firstIndex { $0.job == job }.map { remove(at: $0) }
  }

  private mutating func remove(at place: Int) -> Waiting {
    let job = queue.remove(at: place)
    queuedSeconds = queue.isEmpty ? 0 : max(0, queuedSeconds - job.seconds)
    outstandingWork = running.isEmpty && queue.isEmpty ? 0 : max(0, outstandingWork - job.work)
    return job
  }

  /// The worker is gone, and what its engines had with it.
  mutating func goDown() -> [Waiting] {
    isUp = false
    let left = queue
    queue = []
    running = []
    queuedSeconds = 0
    outstandingWork = 0
    memory.forget()
    engines = LoadedEngines(loadSeconds: engines)
    return left
  }

  // MARK: Foreseeing

  /// Seconds until a job that is due then has a place: until the first of those that run ends, and what waits before it
  /// shared by the places. Exact for one place and one flow. And how many wait behind it.
  func wait(due: Double, at now: Double) -> (seconds: Double, behind: Int) {
    guard running.count >= slotCount || !queue.isEmpty else { return (0, 0) }
    var ahead = queuedSeconds
    var behind = 0
    for job in queue.reversed() {
      guard job.due > due else { break }
      ahead -= job.seconds
      behind += 1
    }
    let free = running.count < slotCount ? 0 : untilEnd(at: now)
    return (free + max(0, ahead) / Double(slotCount), behind)
  }

  /// Seconds that a job of so many takes from others: from those beside it, of whom one follows another as long as it
  /// runs; from those behind it in the queue; and from those that come while it has its place.
  func costToOthers(service: Double, behind: Int, at now: Double) -> Double {
    let beside = Double(min(running.count, slotCount - 1))
    let slowing = beside * decode.slopeShare(beside: max(0, Double(running.count - 1)))
    return service * (slowing + Double(behind) / Double(slotCount) + price.perSecond(at: now))
  }

  /// The same for the last of those that wait here.
  func waitOfLast(at now: Double) -> Double {
    guard let last = queue.last else { return 0 }
    let free = running.count < slotCount ? 0 : untilEnd(at: now)
    return free + max(0, queuedSeconds - last.seconds) / Double(slotCount)
  }

  /// Seconds until no job runs on an engine any more, as far as those go that run now.
  func untilIdle(_ engine: UInt64?, at now: Double) -> Double {
    var last = now
    for run in running where run.engine == engine { last = max(last, run.foreseenEnd) }
    return last - now
  }

  /// One that is late already is taken to be late for as long again, a third of it at least.
  private func untilEnd(at now: Double) -> Double {
    soonestEnd > now ? soonestEnd - now : max(0.001, (now - soonestEnd) / 3)
  }
}
