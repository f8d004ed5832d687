import History
import Messaging
import Serving

/// One thing to store, and what happens once it is there.
struct PendingWrite: Sendable {
  /// Indirect, so that a queue of writes moves a pointer for each and not a whole job.
  indirect enum Purpose: Sendable {
    /// A submitted job: accepted only now.
    case submission(JobRecord, Asker)
    /// A measurement under a live lease, for its worker.
    case report(WorkerName, LeaseID, MeasurementID)
    /// A measurement whose lease is over, for its worker.
    case evidence(WorkerName, MeasurementID)
    case ending(JobID)
    /// Nobody waits for it; a later write or the next hello repeats it.
    case note
  }

  var records: [HistoryRecord]
  var purpose: Purpose

  /// The measurement among the records.
  var measurement: Measurement? {
    for case .measurement(let measurement) in records { return measurement }
    return nil
  }
}

/// Writes in the order they came, taken many at once, so that they share a commit and its wait for the disk.
struct WriteQueue: Sendable {
  /// Writes in one commit: bounds how long the first waits for the last.
  static let batchLimit = 256

  private var waiting: [PendingWrite] = []

  var count: Int { waiting.count }

  mutating func add(_ write: PendingWrite) { waiting.append(write) }

  /// The next writes to commit together; empty when nothing waits.
  mutating func takeBatch() -> [PendingWrite] {
    guard waiting.count > Self.batchLimit else {
      defer { waiting = [] }
      return waiting
    }
    let batch = Array(waiting.prefix(Self.batchLimit))
    waiting.removeFirst(batch.count)
    return batch
  }
}
