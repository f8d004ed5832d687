import History
import Messaging
import Serving

/// What must be in the history before anybody is told.
extension JobCoordinator {
  func write(_ write: PendingWrite) {
    writes.add(write)
    if !write.canWait { startWriting() }
  }

  /// Wakes the writer, which takes all that wait by then.
  func startWriting() {
    guard !isWriting else { return }
    isWriting = true
    writeSignal.yield()
  }

  /// One writer, so that writes keep their order and share commits.
  func writeUntilStopped() async {
    for await _ in writeSignals {
      await writeAll()
    }
    while writes.count > 0 {
      _ = writes.age()
      await writeAll()
    }
  }

  private func writeAll() async {
    defer { isWriting = false }
    var batch: [PendingWrite] = []
    while true {
      writes.takeBatch(&batch)
      guard !batch.isEmpty else { return }
      if let error = await append(batch) {
        // One record that the store will not take must not fail the others.
        for write in batch {
          if batch.count > 1, error.isAboutTheRecord {
            if let error = await append([write]) { failed(write, error) }
          } else {
            failed(write, error)
          }
        }
      }
    }
  }

  /// - Returns: the store's refusal; nil when all are stored and all who wait were told.
  private func append(_ batch: [PendingWrite]) async -> ApusError? {
    var records: [HistoryRecord] = []
    records.reserveCapacity(2 * batch.count)
    for write in batch { records += write.records }
    do throws(ApusError) {
      try await store.append(records)
    } catch {
      isStoreFailing = !error.isAboutTheRecord
      return error
    }
    isStoreFailing = false
    for write in batch {
      stored(write)
    }
    return nil
  }

  private func stored(_ write: PendingWrite) {
    switch write.purpose {
    case .submission(let record, let asker):
      accept(record, askers(of: record, first: asker))
    case .report(let worker, let lease, let measurement):
      metrics.reportsStored += 1
      send(.reportStored(measurement.id), to: worker)
      remember(measurement)
      decide(.reportStored(lease, measurement.id))
    case .evidence(let worker, let measurement):
      send(.reportStored(measurement.id), to: worker)
      remember(measurement)
    case .ending(let job):
      decide(.endingStored(job))
    case .placement(let asker, let news):
      answer(asker, .placementNews(news))
    case .note, .standing:
      break
    }
  }

  private func failed(_ write: PendingWrite, _ error: ApusError) {
    metrics.writesFailed += 1
    logger.error("the history did not take a write: \(error.reason)")
    switch write.purpose {
    case .submission(let record, let asker):
      decide(.jobNotStored)
      for asker in askers(of: record, first: asker) {
        refuse(asker, error)
      }
    case .report(let worker, let lease, let measurement):
      if error.isAboutTheRecord {
        settleRefused(measurement, error, worker)
        decide(.reportUnstorable(lease, measurement.id))
      } else {
        // The worker was told nothing, so it sends the report again.
        decide(.reportNotStored(lease, measurement.id))
      }
    case .ending(let job):
      decide(.endingNotStored(job))
    case .evidence(let worker, let measurement):
      if error.isAboutTheRecord { settleRefused(measurement, error, worker) }
    case .placement(let asker, _):
      refuse(asker, error)
    case .note, .standing:
      break
    }
  }

  /// A measurement that the history will never take: its worker learns why, and is to let go of it.
  private func settleRefused(_ measurement: Measurement, _ error: ApusError, _ worker: WorkerName) {
    send(.refused(error), to: worker)
    send(.reportStored(measurement.id), to: worker)
  }

  /// Who waits for a submitted job: whoever came first with its idempotency key, and all who came with it since.
  private func askers(of record: JobRecord, first: Asker) -> [Asker] {
    guard let key = IdempotencyKey(record) else { return [first] }
    return keyedSubmits.removeValue(forKey: key) ?? [first]
  }

  func tellEnd(of record: JobRecord, _ measurement: Measurement?) {
    let askers = watchers.remove(record.id)
    guard !askers.isEmpty else { return }
    let end = JobEnd(record, measurement.flatMap { JobFigures($0) })
    for asker in askers { answer(asker, .jobEnded(end)) }
  }

  /// A job that is for its client alone is not run on for nobody when that is gone.
  func catchUp(_ job: JobID) {
    let isLeft = watchers.catchUp(
      job, shown: { ledger.shown(of: job, behind: $0) },
      send: { sendStreamed(.response(id: $0.request, $1), to: $0.peer) })
    if isLeft, ledger.record(of: job)?.spec.isBound == true { decide(.cancel(job)) }
  }
}

extension ApusError {
  /// Whether the store refused what a record says; anything else may pass.
  fileprivate var isAboutTheRecord: Bool { code == .badInput }
}
