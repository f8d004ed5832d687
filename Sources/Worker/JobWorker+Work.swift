import Messaging
import Serving
import Synchronization

/// What a worker does with its assignments.
extension JobWorker {
  func take(_ assignment: Assignment) {
    guard !isStopping else { return }
    if endingRole != nil, held.count < 2 * options.jobCapacity {
      if !held.contains(where: { $0.lease == assignment.lease }) { held.append(assignment) }
      return
    }
    switch admission.admit(assignment, isReportQueueFull: outbox.reports.isFull) {
    case .ignore:
      log.debug("assignment \(assignment.lease) came twice")
    case .refuse(let reason):
      log.warning("assignment \(assignment.lease) refused: \(reason)")
      if refuseExperts(assignment, reason) { return }
      // Refusals are kept like results, but not without end: of one that is not sent the coordinator learns from the
      // heartbeats, which do not name its lease.
      guard outbox.reports.count < 2 * options.reportCapacity else { return }
      admission.end(assignment.lease)
      outbox.add(Report(lease: assignment.lease, measurement: refusal(of: assignment.work, reason), isLast: true))
      wake()
    case .run:
      // One that has not begun is not needed; of one that has, the executor knows.
      warming?.task.cancel()
      if case .hosting(let hosting) = assignment.work { return host(hosting, under: assignment.lease) }
      runs[assignment.lease] = Run(
        task: Task(executorPreference: executorPreference(for: assignment.work)) { await self.perform(assignment) })
    }
  }

  /// A job is little work between waits, best done where its messages come and go. A trial is a lot.
  private func executorPreference(for work: Assignment.Work) -> (any TaskExecutor)? {
    if case .job = work { endpoint.taskExecutor } else { nil }
  }

  private func perform(_ assignment: Assignment) async {
    let lease = assignment.lease
    switch assignment.work {
    case .job(let job):
      let stream = outbox.openStream(job: job.job, lease: lease, firstIndex: job.generatedTokenIDs.count)
      let answer = await executor.runJob(job) { [weak self] tokens in self?.append(tokens, to: stream) }
      stream.flush(at: time.now())
      wake()
      await deliver(Report(lease: lease, answer))
    case .trial(let trial):
      // The last measurement goes out once the trial's engines are gone: with it the coordinator may send other work.
      let last = LastMeasurement()
      await executor.runTrial(trial) { [weak self] measurement, isLast in
        if isLast {
          last.keep(measurement)
        } else {
          await self?.deliver(Report(lease: lease, measurement: measurement, isLast: false))
        }
      }
      // The coordinator waits for a last report, whatever became of the trial.
      let measurement =
        last.measurement ?? refusal(of: assignment.work, "the trial ended without a last measurement")
      await deliver(Report(lease: lease, measurement: measurement, isLast: true))
    case .placement(let placement): await measure(placement, under: lease)
    // Begun at once: there is nothing to wait for.
    case .hosting: break
    }
  }

  /// On the thread that reads them.
  private nonisolated func append(_ tokens: GeneratedTokens, to stream: SharedTokenStream) {
    switch stream.append(tokens, at: time.now(), interval: options.tokenFlushAfter) {
    case .send: wake()
    case .flushLater:
      guard tokenFlush.begin() else { return }
      // Begun here, where the timer is, and gone on with where the tokens leave from.
      _ = Task.immediate(executorPreference: endpoint.taskExecutor) { [weak self, time, options] in
        try? await time.sleep(options.tokenFlushAfter)
        await self?.flushTokens()
      }
    }
  }

  /// The tokens of all streams leave together, so that whoever they pass is woken once for all of them.
  private func flushTokens() {
    tokenFlush.end()
    outbox.flushStreams(at: time.now())
    wake()
  }

  /// Keeps a result until it is confirmed. Waits while too many are unconfirmed, so that a trial measures no more than
  /// can be kept.
  private func deliver(_ report: Report) async {
    while outbox.reports.isFull, !isStopping {
      await withCheckedContinuation { waitingForRoom.append($0) }
    }
    logFailure(report.measurement, report.lease)
    let isSaved = !isConfirmedSoon(report)
    // A cancelled run is of no use after a restart, when its lease is long gone.
    if isSaved, report.measurement.outcome != .cancelled { await save(report) }
    if report.isLast {
      runs[report.lease] = nil
      admission.end(report.lease)
    }
    outbox.add(report, isSaved: isSaved)
    wake()
  }

  /// What went wrong with an engine is in the history, too; whoever looks after the node looks here first.
  private func logFailure(_ measurement: Measurement, _ lease: LeaseID) {
    let lines: String
    switch measurement.outcome {
    case .completed, .cancelled, .lostWorker: return
    case .outOfMemory, .timedOut: lines = ""
    case .engineFailed(_, let last): lines = last.isEmpty ? "" : "; its last lines: \(last)"
    }
    let what = "\(measurement.configuration.label) of \(measurement.model.name), \(lease)"
    log.warning("\(what): \(measurement.outcome.explanation)\(lines)")
  }

  /// A connected coordinator mostly confirms a job's report within moments, so it is only written to a file if the next beat
  /// still finds it. A trial's took minutes, and is written first.
  private func isConfirmedSoon(_ report: Report) -> Bool {
    if case .job = report.measurement.source { outbox.connection == .welcomed } else { false }
  }

  /// Writes down what the coordinator did not confirm so far.
  func saveUnconfirmed() async {
    for report in outbox.takeUnsaved() where report.measurement.outcome != .cancelled { await save(report) }
  }

  private func save(_ report: Report) async {
    do {
      try await store.save(report)
    } catch {
      log.error("a result is only in memory until the coordinator has it: \(error.reason)")
    }
  }

  func letWaitingTrialsGoOn() {
    guard isStopping || !outbox.reports.isFull else { return }
    for waiting in waitingForRoom { waiting.resume() }
    waitingForRoom = []
  }

  private func refusal(of work: Assignment.Work, _ reason: String) -> Measurement {
    let description = description!
    return .unstarted(
      work, outcome: .cancelled, warnings: ["not started: \(reason)"],
      by: Reporter(
        worker: name, hardware: description.hardware,
        model: { id in description.models.first { $0.id == id } },
        engineVersion: { engine in description.engines.first { $0.name == engine }?.version }))
  }
}

/// A trial's last measurement between the executor's call and its return.
private final class LastMeasurement: Sendable {
  private let kept = Mutex<Measurement?>(nil)

  var measurement: Measurement? { kept.withLock { $0 } }
  func keep(_ measurement: Measurement) { kept.withLock { $0 = measurement } }
}
