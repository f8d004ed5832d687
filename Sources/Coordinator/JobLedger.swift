import Messaging
public import Serving

/// Who runs what: queued jobs, leases, the room on each worker, trials and the machines they have to themselves.
///
/// A pure struct: events in, actions out, no clock and no sockets. What it promises, in any order of events and with
/// any of them repeated (`JobLedgerPropertyTests`):
/// - a job has one live lease, or two before its first token (`hedgeSilent`), and none is lost: each accepted job ends
///   once, and then never changes;
/// - tokens of a job are relayed in order, without gaps and without repeats, over any number of attempts;
/// - a worker never has more jobs than it has room for, and a trial has its machine to itself;
/// - a report of a lease that is over changes no job; its measurement is kept as evidence.
public struct JobLedger: Sendable {
  public struct Limits: Hashable, Sendable {
    public var queuedJobs = 10_000
    public var attempts = 3
    /// How long a revoked worker has to report.
    public var revokePatience = Duration.seconds(10)
    /// How long a job that was running at a restart waits for its worker.
    public var adoptionPatience = Duration.seconds(10)
    /// How long a lease may go without a sign while its worker lives.
    public var leaseSilence = Duration.seconds(600)
    /// How long the hosts of a placement may take to open.
    public var openingPatience = Duration.seconds(30)
    /// Keys whose choices are kept.
    public var routes = 512
    /// Most of all jobs that may be given to a second node because the first says nothing, 0...1; 0 for none.
    public var hedgeShare = 0.0

    public init() {}
  }

  /// Heartbeats in a row that must leave a lease out before it is taken for lost on the way: the first may have been
  /// sent before the assignment came.
  static let heartbeatsToMiss = 2
  /// A worker may batch a few tokens beyond the asked count (speculation) before it is taken for hostile.
  static let tokenSlack = 64

  let limits: Limits
  /// Milliseconds since 1970-01-01 UTC at `now` zero.
  let originMS: Int64
  var identifiers: IdentifierSource
  var explorer: Explorer
  var router: Router
  var prewarming: Prewarming
  var jobs = EntryTable<JobID, JobEntry>()
  var leases = EntryTable<LeaseID, Lease>()
  var workers = EntryTable<WorkerName, WorkerEntry>()
  var routes = EntryTable<RouteKey, Route>()
  /// Of the models that jobs have ended of.
  var tokenLengths: [ModelID: TokenLength] = [:]
  /// The keys that may have waiting jobs.
  var waitingKeys: Set<RouteKey> = []
  var trials: [TrialID: TrialEntry] = [:]
  /// Trials in the order planned; those that run are passed over.
  var trialOrder: [TrialID] = []
  /// Machines that a trial has to itself. Mostly empty.
  var trialMachines: Set<MachineID> = []
  /// Jobs that wait for something other than a worker with room: adoption, or the storing of their end.
  var watched: Set<JobID> = []
  /// Jobs that wait for a worker and have a deadline.
  var deadlined: Set<JobID> = []
  /// How many hedges the jobs that began have earned, less those there were.
  var hedgeCredit = 0.0
  var reservedCount = 0
  var nextSequence = 0
  var queue = QueueCount()
  /// Jobs that wait for a worker.
  public var queuedCount: Int { queue.total }

  public init(
    limits: Limits = Limits(), exploration: ExplorationPolicy = .off, routing: RoutingPolicyName = .foreseen,
    queueOrder: QueueOrder = .due, prewarms: Bool = false, originMS: Int64 = 0,
    using generator: inout some RandomNumberGenerator
  ) {
    self.limits = limits
    self.originMS = originMS
    identifiers = IdentifierSource(using: &generator)
    explorer = Explorer(exploration, seed: generator.next())
    router = Router(routing, order: queueOrder, seed: generator.next())
    prewarming = Prewarming(isOn: prewarms)
  }

  public mutating func handle(_ event: LedgerEvent, at now: Duration) -> [LedgerAction] {
    var actions: [LedgerAction] = []
    switch event {
    case .tokens(let worker, let chunk):
      accept(chunk, from: worker, at: now, &actions)
    case .report(let worker, let report):
      accept(report, from: worker, at: now, &actions)
    case .reportStored(let lease, let measurement):
      settle(lease, measurement, at: now, &actions)
      dispatch(at: now, &actions)
    case .reportNotStored(let lease, let measurement):
      unsettle(lease, measurement, at: now, &actions)
      dispatch(at: now, &actions)
    case .reportUnstorable(let lease, _):
      leases[lease]?.report = nil
      drop(lease, because: "its report cannot be stored", at: now, &actions)
      dispatch(at: now, &actions)
    case .jobStored(let record):
      reservedCount = max(0, reservedCount - 1)
      guard jobs[record.id] == nil else { break }
      admit(record, .queued, at: now)
      dispatch(at: now, &actions)
    case .jobNotStored:
      reservedCount = max(0, reservedCount - 1)
    case .jobRestored(let record):
      restore(record, at: now, &actions)
      dispatch(at: now, &actions)
    case .routed(let key, let choices, let options):
      route(key, choices, options)
      dispatch(at: now, &actions)
    case .unroutable(let key, let reason, let finishReason):
      fail(key, reason, finishReason, at: now, &actions)
      dispatch(at: now, &actions)
    case .routesStale:
      for place in routes.values.indices { routes.values[place].isStale = true }
      dispatch(at: now, &actions)
    case .workerJoined(let name, let description):
      join(name, description, at: now, &actions)
      dispatch(at: now, &actions)
    case .workerStopping(let name):
      retire(name, &actions)
      dispatch(at: now, &actions)
    case .workerLost(let name):
      lose(name, at: now, &actions)
      dispatch(at: now, &actions)
    case .heartbeat(let name, let listed, let warm, let warming):
      if let warm, let failed = router.hear(name, warm: warm, warming: warming) {
        prewarming.failed(failed, at: now.seconds)
      }
      hear(name, listed, at: now, &actions)
    case .trialPlanned(let spec, let worker):
      guard trials[spec.id] == nil else { break }
      trials[spec.id] = TrialEntry(work: .benchmark(spec), workers: [worker])
      trialOrder.append(spec.id)
      dispatch(at: now, &actions)
    case .placementPlanned(let id, let spec, let workers):
      guard trials[id] == nil, !workers.isEmpty else { break }
      trials[id] = TrialEntry(work: .placement(spec), workers: workers)
      trialOrder.append(id)
      dispatch(at: now, &actions)
    case .hostingAnswered(let worker, let answer):
      accept(answer, from: worker, at: now, &actions)
      dispatch(at: now, &actions)
    case .placementReport(let worker, let report):
      accept(report, from: worker, at: now, &actions)
      dispatch(at: now, &actions)
    case .trialWithdrawn(let id):
      withdraw(id, at: now, &actions)
      dispatch(at: now, &actions)
    case .cancel(let id):
      cancel(id, at: now, &actions)
      dispatch(at: now, &actions)
    case .endingStored(let id):
      guard case .ending? = jobs[id]?.state, let entry = jobs.removeValue(forKey: id) else { break }
      watched.remove(id)
      actions.append(.jobEnded(entry.record, nil))
    case .endingNotStored(let id):
      guard case .ending? = jobs[id]?.state else { break }
      jobs[id]!.state = .ending(isStoring: false)
    case .tick:
      watchDeadlines(at: now, &actions)
      router.tick(at: now.seconds)
      replace(at: now)
      dispatch(at: now, &actions)
      // Those that have run nowhere go first.
      hedgeSilent(at: now, &actions)
      prewarm(at: now, &actions)
    }
    return actions
  }

  // MARK: What others may ask

  /// Keeps a place in the queue for a job that is about to be stored; false when the queue is full, or its owner has its
  /// share of it.
  public mutating func reserve(for owner: JobOwner) -> Bool {
    guard queue.mayEnter(owner, free: limits.queuedJobs - queuedCount - reservedCount) else { return false }
    reservedCount += 1
    return true
  }

  /// A job that has not ended, as it is now, with the text shown so far as its output.
  public func record(of id: JobID) -> JobRecord? {
    guard let entry = jobs[id] else { return nil }
    var record = entry.record
    if !record.state.isFinished { entry.show(in: &record) }
    return record
  }

  /// Whether a job waits while no worker is connected that could run it.
  public func isStranded(_ id: JobID) -> Bool {
    guard let entry = jobs[id], entry.state == .queued else { return false }
    guard entry.node == nil, let key = entry.key, let route = routes[key] else { return false }
    return route.isStranded && route.waiting.contains(id)
  }

  /// What was accepted of a job's answer behind a place: for a client that comes later or fell behind.
  public func shown(of id: JobID, behind place: StreamPlace) -> GeneratedTokens? {
    guard let entry = jobs[id], place.tokens < entry.tokenIDs.count else { return nil }
    let text = entry.text.utf8
    let start = text.index(text.startIndex, offsetBy: min(place.textBytes, text.count))
    return GeneratedTokens(
      Array(entry.tokenIDs[place.tokens...]), String(entry.text[start...]),
      logprobs: Array(entry.logprobs.dropFirst(place.logprobs)),
      toolCalls: Array(entry.toolCalls.dropFirst(place.toolCallPieces)))
  }

  public func leaseCount(of worker: WorkerName) -> Int { workers[worker]?.leases.count ?? 0 }

  /// The leases under which work may go on, with the worker and the job that each is of (nil for a trial). One whose
  /// last report is here, on its way to the store, is not among them, nor one that another of its job has beaten.
  public var liveLeases: [(lease: LeaseID, worker: WorkerName, job: JobID?)] {
    leases.compactMap { id, lease in
      switch lease.work {
      case .job(let job): lease.report == nil ? (id, lease.worker, job) : nil
      case .trial: lease.storing.values.contains(where: \.isLast) ? nil : (id, lease.worker, nil)
      case .beaten: nil
      }
    }
  }

  /// Those of one worker.
  public func liveLeases(of worker: WorkerName) -> [LeaseID] {
    workers[worker]?.leases.filter { leases[$0]?.report == nil }.sorted() ?? []
  }

  /// The workers that a live lease covers, its holder first.
  public func members(of lease: LeaseID) -> [WorkerName] { leases[lease]?.members ?? [] }

  public var unfinishedJobs: [JobID] { jobs.keys }
}
