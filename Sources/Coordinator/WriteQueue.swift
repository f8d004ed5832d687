import History
import Messaging
import Serving

/// One thing to store, and what happens once it is there.
struct PendingWrite: Sendable {
  enum Purpose: Sendable {
    /// A submitted job: accepted only now.
    case submission(JobRecord, Asker)
    /// A measurement under a live lease, for its worker.
    case report(WorkerName, LeaseID, Measurement)
    /// A measurement whose lease is over, for its worker.
    case evidence(WorkerName, Measurement)
    case ending(JobID)
    /// Nobody waits for it; a later write or the next hello repeats it.
    case note
  }

  var records: [HistoryRecord]
  var purpose: Purpose
}

/// Writes in the order they came, taken many at once, so that they share a commit and its wait for the disk.
struct WriteQueue: Sendable {
  /// Writes in one commit: bounds how long the first waits for the last.
  static let batchLimit = 256

  private var waiting: [PendingWrite] = []

  var count: Int { waiting.count }

  mutating func add(_ write: PendingWrite) { waiting.append(write) }

  /// Puts the next writes to commit together into `batch`, in place of what it held; none when nothing waits.
  mutating func takeBatch(_ batch: inout [PendingWrite]) {
    batch.removeAll(keepingCapacity: true)
    if waiting.count <= Self.batchLimit {
      swap(&waiting, &batch)
    } else {
      batch.append(contentsOf: waiting.prefix(Self.batchLimit))
      waiting.removeFirst(Self.batchLimit)
    }
  }
}
