import History
import Messaging
import Serving

/// Jobs with the same key of the same owner are one job.
struct IdempotencyKey: Hashable, Sendable {
  var owner: JobOwner
  var key: String

  init(_ owner: JobOwner, key: String) {
    self.owner = owner
    self.key = key
  }

  /// Nil for a job without a key.
  init?(_ record: JobRecord) {
    guard let key = record.spec.idempotencyKey else { return nil }
    self.init(record.owner, key: key)
  }
}

/// The clients' side of the conversation.
extension JobCoordinator {
  func serve(_ request: ClientRequest, _ asker: Asker) {
    do throws(ApusError) {
      switch request {
      case .submit(let spec): try submit(spec, asker)
      case .watchJob(let id): try watch(id, asker)
      case .showJob(let id): try show(id, asker)
      case .cancelJob(let id): try cancel(id, asker)
      case .retryJob(let id): try retry(id, asker)
      case .listJobs(let state, let limit, let tenant): try list(state, limit, tenant, asker)
      case .recommend(let query): try recommend(query, asker)
      case .benchmark(let spec): try startBenchmark(spec, asker)
      case .cancelBenchmark(let id): try cancelBenchmark(id, asker)
      case .listWorkers: answer(asker, .workers(workerStatuses))
      case .listModels: answer(asker, .models(directory.modelStatuses))
      case .historyStats:
        try query(asker) { [store] () async throws(ApusError) in .historyStats(try await store.stats()) }
      case .showStatus: answer(asker, .status(status))
      case .train: train(for: asker)
      case .pushModel(let worker, let chunk): try push(chunk, to: worker, asker)
      case .planLaunch(let worker, let query): try planLaunch(query, on: worker, asker)
      case .benchmarkPlacement(let spec): try benchmarkPlacement(spec, asker)
      }
    } catch {
      refuse(asker, error)
    }
  }

  /// Answers with what the store or a computation says, off the poll thread. Bounded.
  func query(
    _ asker: Asker, _ response: @escaping @Sendable () async throws(ApusError) -> ClientResponse?
  ) throws(ApusError) {
    guard queryCount < configuration.queryLimit else {
      metrics.queueLimitReached += 1
      throw ApusError(.tryAgain, "\(queryCount) queries are being answered", advice: "ask again in a moment")
    }
    queryCount += 1
    background?.start { await self.run(asker, response) }
  }

  private func run(
    _ asker: Asker, _ response: @Sendable () async throws(ApusError) -> ClientResponse?
  ) async {
    defer { queryCount -= 1 }
    do throws(ApusError) {
      if let response = try await response() { answer(asker, response) }
    } catch {
      refuse(asker, error)
    }
  }

  // MARK: Submit

  private var check: RequestCheck { RequestCheck(models: directory.models) }

  private func submit(_ spec: JobSpec, _ asker: Asker) throws(ApusError) {
    try check.job(spec)
    if spec.usesTools, let model = directory.models[spec.model], !directory.takesTools(model) {
      throw ToolCheck.noTemplate(model)
    }
    guard let text = spec.idempotencyKey else { return try admit(spec, asker) }
    let key = IdempotencyKey(JobOwner(client: asker.peer.name, tenant: spec.tenant), key: text)
    if let waiting = keyedSubmits[key] {
      guard waiting.count < StreamWatchers.mostOfAPeer else { throw queueIsFull(for: key.owner) }
      metrics.submitsRepeated += 1
      keyedSubmits[key]!.append(asker)
      return
    }
    guard keyedSubmits.count < configuration.queueLimit else { throw queueIsFull(for: key.owner) }
    keyedSubmits[key] = [asker]
    background?.start { await self.submitOnce(spec, key) }
  }

  /// Looks for the job that the key names already, and makes it otherwise.
  private func submitOnce(_ spec: JobSpec, _ key: IdempotencyKey) async {
    do throws(ApusError) {
      guard let known = try await store.job(of: key.owner, idempotencyKey: key.key) else {
        return try admit(spec, keyedSubmits[key]![0])
      }
      metrics.submitsRepeated += 1
      guard known.spec.asksTheSame(as: spec) else {
        throw ApusError(
          .badInput, "the idempotency key \(key.key) was used for another request",
          advice: "give each request a key of its own")
      }
      for asker in keyedSubmits.removeValue(forKey: key) ?? [] { await follow(known, asker) }
    } catch {
      for asker in keyedSubmits.removeValue(forKey: key) ?? [] {
        refuse(asker, error)
      }
    }
  }

  private func admit(_ spec: JobSpec, _ asker: Asker) throws(ApusError) {
    let owner = JobOwner(client: asker.peer.name, tenant: spec.tenant)
    guard writes.count < configuration.pendingWriteLimit, ledger.reserve(for: owner) else {
      throw queueIsFull(for: owner)
    }
    let record = JobRecord(
      id: identifiers.next("job"), client: asker.peer.name, spec: spec, submittedAtMS: time.wallMS(at: time.now()))
    // A job whose client will not come back for it need not outlive this process, so no disk sits in its first token's time.
    // Not while writes fail: its end would not be stored either, so it had better not begin.
    if spec.isBound == true, spec.idempotencyKey == nil, !isStoreFailing {
      write(PendingWrite(records: [.job(record)], purpose: .standing(record.id)))
      accept(record, [asker])
    } else {
      write(PendingWrite(records: [.job(record)], purpose: .submission(record, asker)))
    }
  }

  func accept(_ record: JobRecord, _ askers: [Asker]) {
    metrics.jobsAccepted += 1
    for asker in askers {
      answer(asker, .accepted(record))
      watch(record.id, for: asker)
    }
    decide(.jobStored(record))
  }

  private func queueIsFull(for owner: JobOwner) -> ApusError {
    metrics.queueLimitReached += 1
    let own = owner.tenant == nil ? "" : ", \(ledger.queue.count(of: owner)) of them \(owner.tenant!)'s"
    return ApusError(
      .tryAgain, "\(ledger.queuedCount) jobs wait already\(own), the limit is \(configuration.queueLimit)",
      advice: "submit again when some have ended; with an idempotency key it is safe to repeat")
  }

  // MARK: One job

  private func watch(_ id: JobID, _ asker: Asker) throws(ApusError) {
    if let record = ledger.record(of: id) { return follow(live: record, asker) }
    try query(asker) { () async throws(ApusError) in
      await self.follow(try await self.storedJob(id), asker)
      return nil
    }
  }

  /// From where the job is now: what was shown already, what comes, and the end.
  private func follow(live record: JobRecord, _ asker: Asker) {
    var record = record
    record.output = ""
    record.toolCalls = []
    answer(asker, .accepted(record))
    watch(record.id, for: asker)
    catchUp(record.id)
    if ledger.isStranded(record.id) { tellWaiting(record, asker) }
  }

  func watch(_ id: JobID, for asker: Asker) {
    guard let displaced = watchers.add(asker, to: id) else { return }
    refuse(
      displaced,
      ApusError(
        .tryAgain, "the job \(id) is followed by \(StreamWatchers.mostOfAPeer) later requests of this connection",
        advice: "it goes on; see `apus jobs show \(id)`"))
  }

  /// Nothing runs it, and nothing will until a worker comes.
  func tellWaiting(_ record: JobRecord, _ asker: Asker) {
    answer(asker, .jobWaiting(record.id, reason: noWorker(for: record.spec.model)))
  }

  private func follow(_ record: JobRecord, _ asker: Asker) async {
    if let live = ledger.record(of: record.id) { return follow(live: live, asker) }
    do throws(ApusError) {
      let record = record.state.isFinished ? record : try await storedJob(record.id)
      let figures = try await figures(of: record)
      if let live = ledger.record(of: record.id) { return follow(live: live, asker) }
      guard record.state.isFinished else {
        throw ApusError(.tryAgain, "job \(record.id) is about to start", advice: "watch it again in a moment")
      }
      answer(asker, .accepted(record))
      answer(asker, .jobEnded(JobEnd(record, figures)))
    } catch {
      refuse(asker, error)
    }
  }

  private func storedJob(_ id: JobID) async throws(ApusError) -> JobRecord {
    guard let record = try await store.job(id) else {
      throw ApusError(.badInput, "there is no job \(id)", advice: "see `apus jobs list`")
    }
    return record
  }

  private func figures(of record: JobRecord) async throws(ApusError) -> JobFigures? {
    guard let id = record.measurement else { return nil }
    return try await store.measurement(id).flatMap { JobFigures($0) }
  }

  private func show(_ id: JobID, _ asker: Asker) throws(ApusError) {
    if var record = ledger.record(of: id) {
      record.waitReason = waitReason(of: record)
      answer(asker, .job(record, nil))
      return
    }
    try query(asker) { () async throws(ApusError) in
      let record = try await self.storedJob(id)
      return .job(record, try await self.figures(of: record))
    }
  }

  private func cancel(_ id: JobID, _ asker: Asker) throws(ApusError) {
    if ledger.record(of: id) != nil {
      decide(.cancel(id))
      answer(asker, .done)
      return
    }
    try query(asker) { () async throws(ApusError) in
      let record = try await self.storedJob(id)
      throw ApusError(.badInput, "job \(id) is \(record.state.rawValue) already", advice: "there is nothing to cancel")
    }
  }

  /// A finished job never changes: trying again makes a new one, answered like `submit`. Asked again, it is the same new
  /// one, unless that failed or was cancelled too.
  private func retry(_ id: JobID, _ asker: Asker) throws(ApusError) {
    if let record = ledger.record(of: id) { return follow(live: record, asker) }
    try query(asker) { () async throws(ApusError) in
      var record = try await self.storedJob(id)
      var key = RetryKey.text(of: record)
      let owner = JobOwner(client: asker.peer.name, tenant: record.spec.tenant)
      while let next = try await self.store.job(of: owner, idempotencyKey: key),
        next.state == .failed || next.state == .cancelled
      {
        record = next
        key = RetryKey.text(of: record)
      }
      var spec = record.spec
      spec.idempotencyKey = key
      try await self.submitAgain(spec, asker)
      return nil
    }
  }

  private func submitAgain(_ spec: JobSpec, _ asker: Asker) async throws(ApusError) { try submit(spec, asker) }

  // MARK: Lists

  private func list(_ state: JobState?, _ limit: Int, _ tenant: String?, _ asker: Asker) throws(ApusError) {
    guard (1...10_000).contains(limit) else {
      throw ApusError(.badInput, "a list of \(limit) jobs was asked for", advice: "ask for 1 to 10000")
    }
    let owner = tenant.map { JobOwner(client: asker.peer.name, tenant: $0) }
    try query(asker) { () async throws(ApusError) in
      // Whoever wants what was asked looks at one job: a hundred long prompts do not fit into a message.
      .jobs(
        await self.current(try await self.store.jobs(of: owner, state: state, limit: limit), in: state)
          .map(\.withoutQuestion))
    }
  }

  /// The ledger knows better than the store what has not ended.
  private func current(_ records: [JobRecord], in state: JobState?) -> [JobRecord] {
    records.compactMap { record in
      let current = record.state.isFinished ? record : ledger.record(of: record.id) ?? record
      return state == nil || current.state == state ? current : nil
    }
  }

  private var workerStatuses: [WorkerStatus] {
    let now = time.now()
    return directory.entries.sorted { $0.key < $1.key }.map { name, entry in
      let silence = detector.silence(of: name, at: now) ?? entry.lostAt.map { now - $0 } ?? .zero
      return WorkerStatus(
        name: name, description: entry.description, isAlive: entry.peer != nil, silentSeconds: silence.seconds,
        leaseCount: ledger.leaseCount(of: name), warmConfigurations: entry.warmConfigurations,
        changes: evidence.changes.filter { $0.worker == name }.map(\.description))
    }
  }

  private var status: CoordinatorStatus {
    CoordinatorStatus(
      upSeconds: time.now().seconds, queuedJobCount: ledger.queuedCount, metrics: metrics, workers: workerStatuses)
  }

  // MARK: Models

  private func push(_ chunk: ModelChunk, to worker: WorkerName, _ asker: Asker) throws(ApusError) {
    let peer = try directory.connectedPeer(of: worker)
    guard chunk.bytes.count <= 1 << 20, chunk.offset >= 0, chunk.totalBytes > 0,
      chunk.bytes.count <= chunk.totalBytes - chunk.offset
    else {
      throw ApusError(
        .badInput, "a piece of \(chunk.bytes.count) bytes at \(chunk.offset) of \(chunk.totalBytes) cannot be right",
        advice: "send pieces of at most 1 MiB that lie within the file")
    }
    let key = ModelPush(worker: worker, model: chunk.model)
    if let other = pushes[key], other.peer != asker.peer {
      throw ApusError(.tryAgain, "another client pushes this model to \(worker)", advice: "wait for it")
    }
    guard sendStreamed(.modelChunk(chunk), to: peer) == .sent else {
      throw ApusError(.tryAgain, "the connection to \(worker) is full", advice: "send the piece again")
    }
    pushes[key] = asker
  }
}
