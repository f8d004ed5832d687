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
    /// mostly comes within moments, so this waits from one tick to the next.
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
///
/// How a job stands is of no interest any more beside a later write of it, which most jobs bring within moments. So it is
/// kept apart for one age, and left out when the job is written meanwhile.
struct WriteQueue: Sendable {
  /// Writes in one commit: bounds how long the first waits for the last.
  static let batchLimit = 256

  private var due: [PendingWrite] = []
  /// What can wait: since this age began, and since the one before.
  private var young: [JobID: PendingWrite] = [:]
  private var old: [JobID: PendingWrite] = [:]

  var count: Int { due.count + young.count + old.count }

  mutating func add(_ write: PendingWrite) {
    for case .job(let record) in write.records {
      young[record.id] = nil
      old[record.id] = nil
    }
    if case .standing(let job) = write.purpose { young[job] = write } else { due.append(write) }
  }

  /// Begins a new age: what can wait and has waited since before this one began waits no longer.
  ///
  /// - Returns: whether anything is to be written now.
  mutating func age() -> Bool {
    due += old.values
    swap(&young, &old)
    young.removeAll(keepingCapacity: true)
    return !due.isEmpty
  }

  /// Puts the next writes to commit together into `batch`, in place of what it held; none when nothing is due.
  mutating func takeBatch(_ batch: inout [PendingWrite]) {
    batch.removeAll(keepingCapacity: true)
    if due.count <= Self.batchLimit {
      swap(&due, &batch)
    } else {
      batch.append(contentsOf: due.prefix(Self.batchLimit))
      due.removeFirst(Self.batchLimit)
    }
  }
}
