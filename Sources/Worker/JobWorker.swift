public import Benchmarking
import Engines
public import Logging
public import Messaging
public import Serving

/// A worker's side of the conversation with its coordinator: introduces itself, keeps the heartbeat, runs what it is
/// given, and keeps every result until the coordinator has stored it.
///
/// What to send next is `Outbox`'s decision and whether to run something is `Admission`'s; this actor carries both out.
/// One task sends, one beats, one takes the pieces of model files, and each assignment has a task of its own.
public actor JobWorker {
  let options: JobWorkerOptions
  let endpoint: any ClientEndpoint
  let executor: any WorkExecutor
  /// Nil for a worker that takes no part in placements.
  let experts: (any ExpertExecutor)?
  let store: ReportStore
  private let models: ModelReceiver
  let time: WorkerTime
  let log: Logger

  var outbox: Outbox
  var admission: Admission
  var runs: [LeaseID: Run] = [:]
  /// What begins or ends this worker's role as a host, one after the other.
  var lastRoleChange: Task<Void, Never>?
  var description: WorkerDescription?
  /// Files that are no usable models, as it last told.
  private var refusedModels: [ModelLibrary.Refusal] = []
  var name: WorkerName
  /// The lease whose role as a host is ending, and what came meanwhile: it is taken once the role is over.
  var endingRole: LeaseID?
  var held: [Assignment] = []
  /// An engine that is being loaded for jobs that are foreseen.
  var warming: WarmUp?
  private var beater: Task<Void, Never>?
  var isStopping = false
  /// Waits for the last confirmations when this worker stops.
  private var confirmed: CheckedContinuation<Void, Never>?
  /// Trials that wait because too many results are unconfirmed.
  var waitingForRoom: [CheckedContinuation<Void, Never>] = []

  /// Of the streams of all jobs.
  let tokenFlush = FlushTimer()
  private let wakeUps = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  private let launchQueries = AsyncStream.makeStream(
    of: (id: UInt64, query: LaunchQuery).self, bufferingPolicy: .bufferingOldest(16))
  private let modelChunks = AsyncStream.makeStream(of: ModelChunk.self, bufferingPolicy: .bufferingOldest(16))

  struct Run {
    var task: Task<Void, Never>
  }

  public init(
    options: JobWorkerOptions, endpoint: any ClientEndpoint, executor: any WorkExecutor,
    experts: (any ExpertExecutor)? = nil, reports: ReportStore, models: ModelReceiver,
    clock: some Clock<Duration> = LoopClock(), log: Logger = Logger(label: "apus.worker")
  ) {
    self.options = options
    self.endpoint = endpoint
    self.executor = executor
    self.experts = experts
    self.store = reports
    self.models = models
    self.log = log
    time = WorkerTime(clock)
    outbox = Outbox(
      reports: ReportQueue(capacity: options.reportCapacity, resendAfter: options.reportResendAfter))
    admission = Admission(jobCapacity: options.jobCapacity)
    name = options.name
  }

  /// Works until the task is cancelled or the coordinator refuses this worker; call it once.
  ///
  /// When cancelled, what runs is cancelled, the coordinator gets a moment to confirm the reports, and the engines and
  /// the endpoint are closed.
  ///
  /// - Throws: the coordinator's refusal: `keyRefused`, or `unavailable` for another protocol version.
  public func run() async throws(ApusError) {
    precondition(description == nil, "a worker runs once")
    do {
      description = try await describe()
    } catch {
      endpoint.close()
      throw error
    }
    await restoreReports()

    // They go on while this task is cancelled, so that the last reports can still be confirmed.
    let endings = AsyncStream.makeStream(of: ApusError?.self)
    let reader = Task(executorPreference: endpoint.taskExecutor) {
      _ = endings.continuation.yield(await self.readEvents())
    }
    let sender = Task(executorPreference: endpoint.taskExecutor) { await self.sendAll() }
    let modelTaker = Task { await self.takeModels() }
    let looker = Task { await self.lookAgain() }
    let modelWatcher = Task { await self.watchModels() }
    let planner = Task { await self.planLaunches() }
    startBeating(every: options.helloInterval)

    var refusal: ApusError?
    // Without an ending the loop ends when this task is cancelled.
    for await ending in endings.stream {
      refusal = ending
      outbox.disconnected()
      break
    }

    isStopping = true
    // Said first, so that what it gives up does not come back to it.
    outbox.beat()
    wake()
    modelChunks.continuation.finish()
    launchQueries.continuation.finish()
    for run in runs.values { run.task.cancel() }
    letWaitingTrialsGoOn()
    for run in runs.values { await run.task.value }
    await lastRoleChange?.value
    await experts?.endHosting()
    await executor.stop()
    await warming?.task.value
    await saveUnconfirmed()
    await untilConfirmed()
    beater?.cancel()
    looker.cancel()
    modelWatcher.cancel()
    wakeUps.continuation.finish()
    endpoint.close()
    reader.cancel()
    await modelTaker.value
    await planner.value
    await sender.value
    await reader.value
    await looker.value
    await modelWatcher.value
    await store.settle()
    if let refusal { throw refusal }
  }

  /// Reads until the connection ends for good; gives the coordinator's refusal, if that was the end.
  private func readEvents() async -> ApusError? {
    for await event in endpoint.events {
      if let refusal = handle(event) { return refusal }
    }
    return nil
  }

  /// Waits until every report is confirmed, the coordinator is gone or the time for that is over.
  private func untilConfirmed() async {
    guard outbox.connection == .welcomed, outbox.reports.count > 0 else { return }
    let limit = Task { [time, options] in
      try? await time.sleep(options.shutdownTimeLimit)
      self.stopWaitingForConfirmations()
    }
    await withCheckedContinuation { confirmed = $0 }
    limit.cancel()
  }

  private func stopWaitingForConfirmations() {
    confirmed?.resume()
    confirmed = nil
  }

  private func restoreReports() async {
    let (reports, unreadableCount) = await store.load()
    for report in reports {
      outbox.add(report)
      if report.isLast { admission.end(report.lease) }
    }
    if !reports.isEmpty { log.info("\(reports.count) results of an earlier run are sent again") }
    if unreadableCount > 0 { log.warning("\(unreadableCount) stored results cannot be read and were put aside") }
  }

  // MARK: What comes in

  /// Gives the refusal that ends this worker; nil to go on.
  private func handle(_ event: ConnectionEvent) -> ApusError? {
    switch event {
    case .connected:
      outbox.connected()
      startBeating(every: options.helloInterval)
      wake()
    case .disconnected:
      log.info("the coordinator is gone; what runs goes on")
      outbox.disconnected()
      stopWaitingForConfirmations()
    case .refused(let error):
      return error
    case .message(let message):
      return handle(message)
    }
    return nil
  }

  private func handle(_ message: Message) -> ApusError? {
    switch message {
    case .welcome(let welcome):
      guard welcome.version == protocolVersion else {
        return ApusError(
          .unavailable, "the coordinator speaks protocol \(welcome.version), this worker \(protocolVersion)",
          advice: "run the same version of apus on both machines")
      }
      name = WorkerName(welcome.peer)
      outbox.welcomed()
      startBeating(every: .milliseconds(max(10, welcome.heartbeatMS)))
      wake()
    case .refused(let error):
      if error.code == .keyRefused || error.code == .unavailable { return error }
      log.warning("the coordinator refused a message: \(error.reason)")
      if error.code == .tryAgain {
        outbox.mustGreetAgain()
        wake()
      }
    case .assignment(let assignment):
      take(assignment)
    case .reportStored(let id):
      confirm(id)
    case .revoke(let lease):
      // A lease that is not worked on has its last report on the way.
      runs[lease]?.task.cancel()
      held.removeAll { $0.lease == lease }
      endHosting(lease)
    case .modelChunk(let chunk):
      if case .dropped = modelChunks.continuation.yield(chunk) {
        outbox.add(
          ModelOffset(
            model: chunk.model, offset: 0, isComplete: false,
            refusal: "more pieces of model files came than this worker can write; send one after the other"))
        wake()
      }
    case .launchQuery(let id, let query):
      if case .dropped = launchQueries.continuation.yield((id, query)) {
        outbox.add(
          LaunchAnswer(
            id: id,
            result: .failure(
              ApusError(.tryAgain, "\(name) is asked for many launches", advice: "ask again in a moment"))))
        wake()
      }
    case .warmUp(let wish):
      warmUp(wish)
    case .hello, .heartbeat, .tokens, .report, .modelOffset, .launchAnswer, .hostingAnswer, .placementReport, .request,
      .response:
      log.warning("the coordinator sent a message that only goes the other way")
    }
    return nil
  }

  private func confirm(_ id: MeasurementID) {
    guard let isSaved = outbox.confirm(id) else { return }
    if isSaved { store.remove(id) }
    letWaitingTrialsGoOn()
    if outbox.reports.count == 0 { stopWaitingForConfirmations() }
    wake()
  }

  // MARK: What it can do

  /// Looks every so often at engines and models: an attached server comes, goes, and changes what it serves.
  private func lookAgain() async {
    guard let interval = options.describeInterval else { return }
    while (try? await time.sleep(interval)) != nil { await describeAgain() }
  }

  /// Looks every so often whether files of models came or went. Not during a trial: a new one is read all through.
  private func watchModels() async {
    guard let interval = options.modelCheckInterval else { return }
    while (try? await time.sleep(interval)) != nil {
      if !admission.isMeasuring, await executor.modelsHaveChanged() { await describeAgain() }
    }
  }

  /// What it can do, with a word on files that whoever put them there takes for models.
  private func describe() async throws(ApusError) -> WorkerDescription {
    let seen = try await executor.describe()
    let refused = executor.refusedModels
    for file in refused where !refusedModels.contains(file) {
      log.warning("\(file.path) is left out: \(file.error.reason)")
    }
    refusedModels = refused
    return seen
  }

  private func describeAgain() async {
    do {
      let seen = try await describe()
      guard seen != description, !isStopping else { return }
      if seen.engines != description?.engines {
        log.info("engines here: \(seen.engines.map(\.name.rawValue).joined(separator: ", "))")
      }
      if seen.models != description?.models {
        log.info("models here: \(seen.models.map(\.name).joined(separator: ", "))")
      }
      description = seen
      outbox.descriptionChanged()
      wake()
    } catch {
      log.error("cannot look for engines and models: \(error.reason)")
    }
  }

  // MARK: Models

  private func takeModels() async {
    for await chunk in modelChunks.stream {
      let answer = await models.receive(chunk)
      outbox.add(answer)
      if answer.isComplete, description?.models.contains(where: { $0.id == answer.model }) == false {
        do {
          description = try await describe()
          outbox.descriptionChanged()
        } catch {
          log.error("the received model cannot be read: \(error.reason)")
        }
      }
      wake()
    }
  }

  // MARK: Launches

  private func planLaunches() async {
    for await (id, query) in launchQueries.stream {
      let result: Result<EngineLaunch, ApusError>
      do throws(ApusError) {
        result = .success(try await executor.launch(query))
      } catch {
        result = .failure(error)
      }
      outbox.add(LaunchAnswer(id: id, result: result))
      wake()
    }
  }

  // MARK: What goes out

  nonisolated func wake() { wakeUps.continuation.yield() }

  /// Before a welcome the beat repeats the hello; from then on it is the coordinator's.
  private func startBeating(every interval: Duration) {
    beater?.cancel()
    beater = Task { [time] in
      while (try? await time.sleep(interval)) != nil {
        outbox.beat()
        wake()
        await saveUnconfirmed()
      }
    }
  }

  /// Sends what the outbox says until the wake-ups end, or the endpoint is closed.
  private func sendAll() async {
    for await _ in wakeUps.stream {
      while let item = outbox.next(at: time.now()) {
        do throws(ApusError) {
          try await endpoint.send(message(for: item))
        } catch {
          // One message that cannot be encoded must not silence the worker.
          guard error.code == .badInput else { return }
          log.error("cannot be sent: \(error.reason)")
          outbox.cannotSend(item)
        }
      }
    }
  }

  private func message(for item: Outbox.Item) async -> Message {
    switch item {
    case .hello:
      var introduction = description!
      introduction.jobCapacity = options.jobCapacity
      introduction.leases = leases
      introduction.experts = experts?.endpoint
      return .hello(Hello(role: .worker, worker: introduction))
    case .heartbeat:
      let warm = await executor.warmConfigurations()
      return .heartbeat(
        Heartbeat(
          leases: leases, warmConfigurations: warm, warmingConfiguration: warming?.configuration,
          isStopping: isStopping))
    case .modelOffset(let offset): return .modelOffset(offset)
    case .launchAnswer(let answer): return .launchAnswer(answer)
    case .hostingAnswer(let answer): return .hostingAnswer(answer)
    case .placementReport(let report): return .placementReport(report)
    case .tokens(let chunk): return .tokens(chunk)
    case .report(let report): return .report(report)
    }
  }

  /// Leases that are worked on or whose last report is not confirmed.
  private var leases: [LeaseID] {
    let running = admission.running + held.map(\.lease)
    return running + Set(outbox.reports.endedLeases).subtracting(running).sorted()
  }
}
