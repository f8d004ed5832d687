import History
import Messaging
import Serving

/// One thing to store, and what happens once it is there. An object, because it is handed on from list to list.
final class PendingWrite: Sendable {
  enum Purpose: Sendable {
    /// A submitted job: accepted only now.
    case submission(JobRecord, Asker)
    /// A measurement under a live lease, for its worker.
    case report(WorkerName, LeaseID, Measurement)
    /// A measurement whose lease is over, for its worker.
    case evidence(WorkerName, Measurement)
    case ending(JobID)
    /// What a trial of placements found, for the client that follows it.
    case placement(Asker, PlacementNews)
    /// Nobody waits for it: a later write or the next hello repeats it, or its loss is told otherwise.
    case note
    /// How a job stands: it was accepted for a client that waits for it, or given to a worker. Its next write says so too and
    /// mostly comes within moments, so this waits for another write or the next tick.
    case standing(JobID)
  }

  let records: [HistoryRecord]
  let purpose: Purpose

  init(records: [HistoryRecord], purpose: Purpose) {
    self.records = records
    self.purpose = purpose
  }

  /// Whether it may wait for another write.
  var canWait: Bool { if case .standing = purpose { true } else { false } }
}

/// Writes in the order they came, taken many at once, so that they share a commit and its wait for the disk.
struct WriteQueue: Sendable {
  /// Writes in one commit: bounds how long the first waits for the last.
  static let batchLimit = 256

  private var waiting: [PendingWrite] = []
  /// Those of `waiting` that cannot wait for another.
  private var dueCount = 0
  /// Of the last batch; kept for its memory.
  private var written: Set<JobID> = []

  var count: Int { waiting.count }

  mutating func add(_ write: PendingWrite) {
    waiting.append(write)
    if !write.canWait { dueCount += 1 }
  }

  /// Puts the next writes to commit together into `batch`, in place of what it held; none when nothing waits, or only
  /// what can go on waiting.
  ///
  /// - Parameter patient: false takes that, too.
  mutating func takeBatch(_ batch: inout [PendingWrite], patient: Bool) {
    batch.removeAll(keepingCapacity: true)
    guard dueCount > 0 || !patient else { return }
    if waiting.count <= Self.batchLimit {
      swap(&waiting, &batch)
    } else {
      batch.append(contentsOf: waiting.prefix(Self.batchLimit))
      waiting.removeFirst(Self.batchLimit)
    }
    dueCount -= batch.count(where: { !$0.canWait })
    leaveOutRepeated(&batch)
  }

  /// How a job stood is of no interest any more beside a later write of it.
  private mutating func leaveOutRepeated(_ batch: inout [PendingWrite]) {
    guard batch.contains(where: \.canWait) else { return }
    written.removeAll(keepingCapacity: true)
    // The last first; those that stay go to the end.
    var first = batch.count
    for place in batch.indices.reversed() {
      if case .standing(let job) = batch[place].purpose, written.contains(job) { continue }
      for case .job(let record) in batch[place].records { written.insert(record.id) }
      first -= 1
      batch.swapAt(place, first)
    }
    batch.removeFirst(first)
  }
}
