import History
import Serving
import Synchronization

/// A history whose disk is full when a test says so.
final class FaultyStore: HistoryStore {
  private struct Faults {
    var isFull = false
    var reportsToRefuse = 0
  }

  private let base: any HistoryStore
  private let faults = Mutex(Faults())

  init(_ base: any HistoryStore) { self.base = base }

  func fail(_ isFull: Bool) { faults.withLock { $0.isFull = isFull } }
  func failReports(_ count: Int) { faults.withLock { $0.reportsToRefuse = count } }

  func append(_ records: [HistoryRecord]) async throws(ApusError) {
    let hasMeasurement = records.contains { if case .measurement = $0 { true } else { false } }
    let refuses = faults.withLock { faults in
      if faults.isFull { return true }
      guard hasMeasurement, faults.reportsToRefuse > 0 else { return false }
      faults.reportsToRefuse -= 1
      return true
    }
    if refuses { throw ApusError(.disk, "the disk is full") }
    try await base.append(records)
  }

  func job(_ id: JobID) async throws(ApusError) -> JobRecord? { try await base.job(id) }
  func job(of owner: JobOwner, idempotencyKey: String) async throws(ApusError) -> JobRecord? {
    try await base.job(of: owner, idempotencyKey: idempotencyKey)
  }
  func jobs(of owner: JobOwner?, state: JobState?, limit: Int) async throws(ApusError) -> [JobRecord] {
    try await base.jobs(of: owner, state: state, limit: limit)
  }
  func unfinishedJobs() async throws(ApusError) -> [JobRecord] { try await base.unfinishedJobs() }
  func measurement(_ id: MeasurementID) async throws(ApusError) -> Measurement? { try await base.measurement(id) }
  func measurements(_ filter: MeasurementFilter, includingSamples: Bool) async throws(ApusError) -> [StoredMeasurement]
  {
    try await base.measurements(filter, includingSamples: includingSamples)
  }
  func placements(model: ModelID?) async throws(ApusError) -> [PlacementMeasurement] {
    try await base.placements(model: model)
  }
  func models() async throws(ApusError) -> [ModelProfile] { try await base.models() }
  func nodes() async throws(ApusError) -> [WorkerName: HardwareProfile] { try await base.nodes() }
  func stats() async throws(ApusError) -> HistoryStats { try await base.stats() }
  func close() async { await base.close() }
}
