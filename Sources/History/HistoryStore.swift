public import Serving

/// One thing to remember. Append-only for measurements: the same id twice is one row, and the first one stays.
public enum HistoryRecord: Hashable, Sendable {
  /// A job as it is now; replaces what was stored under its id, except that a finished job never changes state again.
  case job(JobRecord)
  case measurement(Measurement)
  /// Append-only, too.
  indirect case placement(PlacementMeasurement)
  /// A model a worker announced or a person added.
  indirect case model(ModelProfile)
  /// A worker's hardware as it announced itself.
  indirect case node(WorkerName, HardwareProfile)
}

/// Which measurements to read. Nil means any.
public struct MeasurementFilter: Hashable, Sendable {
  public var model: ModelID?
  public var worker: WorkerName?
  public var benchmark: BenchmarkID?
  /// Only those stored after this row (see `StoredMeasurement.row`).
  public var afterRow: Int64
  public var limit: Int?

  public init(
    model: ModelID? = nil, worker: WorkerName? = nil, benchmark: BenchmarkID? = nil, afterRow: Int64 = 0,
    limit: Int? = nil
  ) {
    self.model = model
    self.worker = worker
    self.benchmark = benchmark
    self.afterRow = afterRow
    self.limit = limit
  }
}

/// A measurement with its place in the history, ascending in the order stored.
public struct StoredMeasurement: Hashable, Sendable {
  public var row: Int64
  public var measurement: Measurement

  public init(row: Int64, measurement: Measurement) {
    self.row = row
    self.measurement = measurement
  }
}

/// The memory of a coordinator.
///
/// Contract (every implementation passes `HistoryStoreContract` in TestKit):
/// - `append` returns once its records survive a power cut, all or none of them.
/// - Safe to call from many tasks; appends that wait together share one commit.
/// - Errors are `ApusError`: `disk` when it cannot be written (full, read-only, unreadable), `badInput` when the file
///   is not a history or is from a newer version.
public protocol HistoryStore: Sendable {
  func append(_ records: [HistoryRecord]) async throws(ApusError)
  func job(_ id: JobID) async throws(ApusError) -> JobRecord?
  func job(of owner: JobOwner, idempotencyKey: String) async throws(ApusError) -> JobRecord?
  /// Newest first. Nil means any.
  func jobs(of owner: JobOwner?, state: JobState?, limit: Int) async throws(ApusError) -> [JobRecord]
  /// Queued and running ones, oldest first: what a restarted coordinator takes up again.
  func unfinishedJobs() async throws(ApusError) -> [JobRecord]
  func measurement(_ id: MeasurementID) async throws(ApusError) -> Measurement?
  /// In the order stored. `includingSamples` false leaves the raw samples out, which is much faster.
  func measurements(_ filter: MeasurementFilter, includingSamples: Bool) async throws(ApusError) -> [StoredMeasurement]
  /// Measured placements in the order stored.
  ///
  /// - Parameter model: nil for all.
  func placements(model: ModelID?) async throws(ApusError) -> [PlacementMeasurement]
  func models() async throws(ApusError) -> [ModelProfile]
  func nodes() async throws(ApusError) -> [WorkerName: HardwareProfile]
  func stats() async throws(ApusError) -> HistoryStats
  func close() async
}
