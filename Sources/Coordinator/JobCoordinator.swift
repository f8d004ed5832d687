public import Acceleration
import DequeModule
public import History
import Logging
public import Messaging
import Selection
public import Serving

/// The coordinator: peers on one side, the history on the other, and the ledger between them.
///
/// The way of one job through this actor (the numbers are those of the architecture's table):
///  1. `submit` checks it and keeps a place in the queue;            JobCoordinator+Clients
///  2. it is made durable if it must be, then it is `accepted`;      JobCoordinator+Writes
///  3. to 5. the ledger asks to `rank` its key, once for many jobs;  JobCoordinator+Routing
///  6. the ledger gives a lease, `perform` sends the assignment;     JobLedger
///  7. the worker's tokens come by, and go to those who watch;       JobCoordinator+Workers
///  8. its report is stored, then acknowledged and the job ended;    JobCoordinator+Writes
///  9. and 10. every so often the selector is trained anew.          JobCoordinator+Training
///
/// It lives on the endpoint's executor, the poll thread: a message is decoded, decided on and answered there without a
/// hop, so nothing here may take long. Rankings and proposals run on the concurrent pool, the store on its own threads,
/// trainings in a child process.
public actor JobCoordinator {
  let executor: any SerialExecutor
  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  let endpoint: any ServerEndpoint
  let store: any HistoryStore
  let configuration: CoordinatorConfiguration
  /// What each engine with an adapter can do.
  private let engines: [EngineName: EngineAbilities]
  let trainer: any ModelTraining
  let time: Timekeeper
  let logger = Logger(label: "apus.coordinator")

  // Decisions. What each message asks for is unchecked: the runtime would note each look at it, and the actor lets nobody
  // in while one lasts.
  @exclusivity(unchecked) var ledger: JobLedger
  @exclusivity(unchecked) var events: Deque<LedgerEvent> = []
  @exclusivity(unchecked) var isDeciding = false
  @exclusivity(unchecked) var directory = WorkerDirectory()
  @exclusivity(unchecked) var detector: FailureDetector
  @exclusivity(unchecked) var identifiers: IdentifierSource
  var benchmarks: [BenchmarkID: BenchmarkRun] = [:]
  var benchmarkOfTrial: [TrialID: BenchmarkID] = [:]
  /// Benchmarks whose candidates are being proposed.
  var preparedBenchmarks: Set<BenchmarkID> = []
  /// Benchmarks of placements, each of which is one trial.
  var placements: [TrialID: PlacementRun] = [:]
  /// What placements were measured, the latest last.
  var placementTrials: [PlacementTrial] = []

  // Conversations.
  @exclusivity(unchecked) var watchers = StreamWatchers()
  @exclusivity(unchecked) var outbox: Outbox
  /// Submits with an idempotency key that are being looked up or stored, with all who asked for them.
  var keyedSubmits: [IdempotencyKey: [Asker]] = [:]
  /// Model pieces on their way to a worker, and who is told its answer.
  var pushes: [ModelPush: Asker] = [:]
  /// Questions for launches that a worker has not answered yet, by number.
  var launches: [UInt64: PendingLaunch] = [:]
  var launchCount: UInt64 = 0
  var queryCount = 0

  // Knowledge.
  var evidence = EvidenceIndex()
  var qualityCoverage = QualityCoverage()
  var selector: SelectorModel?
  /// While a new selector's first jobs come in.
  var probation: Probation?
  var training: Training
  /// Measurements that are stored but not in `evidence` yet: it is not changed while a ranking holds a copy.
  var newEvidence: [Measurement] = []
  /// Whether measurements came since the routes were last ranked.
  var hasNewEvidence = false
  var recentMeasurements = RecentIdentifiers()
  var rankingCount = 0
  var lastEvidenceAt = Duration.zero
  /// What could be run where, as far as is known now.
  var candidates: CandidateSource { CandidateSource(engines: engines, corrections: evidence.memoryCorrections) }

  // Writing.
  @exclusivity(unchecked) var writes = WriteQueue()
  @exclusivity(unchecked) var isWriting = false
  /// Whether the last commit failed for what it was no record's fault.
  var isStoreFailing = false
  let writeSignal: AsyncStream<Void>.Continuation
  let writeSignals: AsyncStream<Void>

  var background: BackgroundWork?
  var timer: Task<Void, Never>?
  var writer: Task<Void, Never>?
  @exclusivity(unchecked) public internal(set) var metrics = CoordinatorMetrics()
  private var limitLog = LimitLog()
  var changeLog = ChangeLog()

  /// - Parameters:
  ///   - engines: what each engine can do that there is an adapter for.
  ///   - clock: monotonic; tests give one that stands still.
  public init(
    endpoint: any ServerEndpoint, store: any HistoryStore, configuration: CoordinatorConfiguration,
    engines: [EngineName: EngineAbilities], trainer: any ModelTraining, clock: any Clock<Duration> = ContinuousClock()
  ) {
    self.endpoint = endpoint
    self.store = store
    self.configuration = configuration
    self.trainer = trainer
    executor = endpoint.executor
    self.engines = engines
    time = Timekeeper(clock)
    var generator = SystemRandomNumberGenerator()
    identifiers = IdentifierSource(using: &generator)
    ledger = JobLedger(
      limits: configuration.ledgerLimits, exploration: configuration.exploration, routing: configuration.routing,
      prewarms: configuration.prewarms, originMS: time.originMS, using: &generator)
    detector = FailureDetector(heartbeat: .milliseconds(configuration.heartbeatMS))
    outbox = Outbox(limit: configuration.outboxLimit)
    training = Training(
      policy: RetrainPolicy(
        measurementCount: configuration.retrainAfter, interval: .seconds(configuration.retrainIntervalSeconds)))
    (writeSignals, writeSignal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  }

  /// Newest jobs of the history that say which are foreseen after a start.
  private static let recalledJobs = 200

  // MARK: Start and stop

  /// Takes up what the history holds and begins to listen.
  ///
  /// - Throws: `disk` or `badInput` when the history cannot be read; `unavailable` when the address cannot be bound.
  public func start() async throws(ApusError) {
    precondition(background == nil, "a coordinator starts once")
    background = BackgroundWork()
    for model in try await store.models() {
      directory.know(model)
    }
    try await loadEvidence()
    try await loadPlacementTrials()
    loadSelector()
    for record in try await store.unfinishedJobs() {
      decide(.jobRestored(record))
    }
    if configuration.prewarms {
      let newest = try await store.jobs(of: nil, state: nil, limit: Self.recalledJobs)
      ledger.recall(newest.filter(\.state.isFinished), at: time.now())
    }
    writer = Task(executorPreference: endpoint.taskExecutor) { await self.writeUntilStopped() }
    timer = Task(executorPreference: endpoint.taskExecutor) { await self.tickUntilStopped() }
    do {
      try endpoint.start { [weak self] peer, message in
        self?.assumeIsolated { $0.receive(message, from: peer) }
      }
    } catch {
      await stop()
      throw error
    }
  }

  /// Writes what waits, then goes quiet. Unfinished jobs stay in the history for the next start. The store is left open.
  public func stop() async {
    endpoint.stop()
    timer?.cancel()
    await timer?.value
    writeSignal.finish()
    await writer?.value
    await background?.stop()
    timer = nil
    writer = nil
  }

  private func tickUntilStopped() async {
    let interval = Duration.milliseconds(min(configuration.tickMS, configuration.heartbeatMS))
    while !Task.isCancelled {
      do { try await time.sleep(interval) } catch { return }
      tick()
    }
  }

  private func tick() {
    let now = time.now()
    for worker in detector.lost(at: now) {
      lose(worker)
    }
    decide(.tick)
    outbox.flush { endpoint.send($0, to: $1) }
    if writes.age() { startWriting() }
    for job in watchers.lateJobs {
      catchUp(job)
    }
    learn(at: now)
    for id in benchmarks.keys.sorted() {
      advance(id)
    }
    trainIfDue(at: now)
    if let news = limitLog.news(metrics, at: now) { logger.warning("\(news)") }
  }

  // MARK: Deciding and doing

  /// Tells the ledger and does what it says. An event that comes up while doing so waits for its turn.
  func decide(_ event: LedgerEvent) {
    guard !isDeciding else { return events.append(event) }
    isDeciding = true
    defer { isDeciding = false }
    for action in ledger.handle(event, at: time.now()) { perform(action) }
    while let event = events.popFirst() {
      for action in ledger.handle(event, at: time.now()) { perform(action) }
    }
  }

  private func perform(_ action: LedgerAction) {
    switch action {
    case .assign(let worker, let assignment, let record):
      // That a node is to host is part of the lease its hub gets.
      if case .hosting = assignment.work {} else { metrics.leasesGiven += 1 }
      send(.assignment(taught(assignment)), to: worker)
      if let record {
        if record.isExploration { metrics.explorations += 1 }
        write(PendingWrite(records: [.job(record)], purpose: .standing(record.id)))
      }
      if case .trial(let spec) = assignment.work { trialStarted(spec.id) }
    case .revoke(let worker, let lease):
      if lease.job == nil { metrics.trialsStopped += 1 }
      send(.revoke(lease), to: worker)
    case .relay(let chunk):
      watchers.relay(chunk) { sendStreamed(.response(id: $0.request, $1), to: $0.peer) }
    case .storeReport(let worker, let report, let record):
      let measured = HistoryRecord.measurement(report.measurement)
      let records = if let record { [measured, .job(record)] } else { [measured] }
      write(PendingWrite(records: records, purpose: .report(worker, report.lease, report.measurement)))
    case .acknowledge(let worker, let measurement):
      send(.reportStored(measurement), to: worker)
    case .storeEvidence(let worker, let measurement):
      metrics.lateReports += 1
      write(PendingWrite(records: [.measurement(measurement)], purpose: .evidence(worker, measurement)))
    case .storeEnding(let record):
      write(PendingWrite(records: [.job(record)], purpose: .ending(record.id)))
    case .jobEnded(let record, let measurement):
      metrics.jobsEnded += 1
      tellEnd(of: record, measurement)
    case .jobStranded(let record):
      for asker in watchers.askers(of: record.id) { tellWaiting(record, asker) }
    case .rank(let key):
      rank(key)
    case .trialMeasured(let trial, let measurement):
      trialMeasured(trial, measurement)
    case .trialEnded(let trial, let ending):
      trialEnded(trial, ending)
      placementEnded(trial, ending)
    case .placementReported(let trial, let news):
      placementReported(trial, news)
    case .ignoredTokens:
      metrics.tokensIgnored += 1
    case .streamBroken(let job):
      metrics.streamsBroken += 1
      logger.info("a piece of the stream of \(job) was lost; the rest comes with its end")
    case .hedged(let record):
      metrics.hedges += 1
      logger.info("job \(record.id) is given to a second node, as its first says nothing")
      write(PendingWrite(records: [.job(record)], purpose: .standing(record.id)))
    case .hedgeWon(let record):
      metrics.hedgesWon += 1
      write(PendingWrite(records: [.job(record)], purpose: .standing(record.id)))
    case .hedgeLimited:
      metrics.hedgeLimitReached += 1
    case .warmUp(let worker, let warmUp):
      metrics.prewarms += 1
      logger.info("\(worker) is to load \(warmUp.configuration.label) of model \(warmUp.model) for jobs to come")
      send(.warmUp(warmUp), to: worker)
    case .leaseLost(let worker, let lease):
      metrics.leasesLost += 1
      logger.warning("lease \(lease) of \(worker) ended without a report")
    case .storeLoss(let record):
      if let loss = loss(of: record) { write(PendingWrite(records: [.measurement(loss)], purpose: .note)) }
    }
  }

  private func receive(_ message: Message, from peer: Peer) {
    switch (peer.role, message) {
    case (_, .hello(let hello)):
      greet(peer, hello)
    case (.client, .request(let id, let request)):
      serve(request, Asker(peer: peer, request: id))
    case (.worker, .heartbeat), (.worker, .tokens), (.worker, .report), (.worker, .modelOffset),
      (.worker, .launchAnswer), (.worker, .hostingAnswer), (.worker, .placementReport):
      hear(message, from: peer)
    default:
      metrics.peersRefused += 1
      send(
        .refused(
          ApusError(
            .keyRefused, "the key \(peer.name) is a \(peer.role.rawValue)'s and may not send this",
            advice: "authorize a key of the right role with `apus keys authorize`")), to: peer)
    }
  }

  // MARK: Sending

  /// Sends, or keeps the message while the connection is full.
  func send(_ message: Message, to peer: Peer) {
    if !outbox.holds(peer) {
      switch endpoint.send(message, to: peer) {
      case .sent, .gone: return
      case .full: break
      }
    }
    if !outbox.keep(message, for: peer) { metrics.answersDropped += 1 }
  }

  func send(_ message: Message, to worker: WorkerName) {
    if let peer = directory.peer(of: worker) { send(message, to: peer) }
  }

  /// Sends only if there is room: a stream catches up by itself.
  func sendStreamed(_ message: Message, to peer: Peer) -> SendResult {
    outbox.holds(peer) ? .full : endpoint.send(message, to: peer)
  }

  func answer(_ asker: Asker, _ response: ClientResponse) {
    send(.response(id: asker.request, response), to: asker.peer)
  }

  func refuse(_ asker: Asker, _ error: ApusError) {
    metrics.requestsRefused += 1
    answer(asker, .failure(error))
  }
}
