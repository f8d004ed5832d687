import History
import Serving

/// A history that forgets at once, so that a coordinator's own work can be measured without any store's.
struct ForgetfulStore: HistoryStore {
  func append(_ records: [HistoryRecord]) async throws(ApusError) {}
  func job(_ id: JobID) async throws(ApusError) -> JobRecord? { nil }
  func job(of owner: JobOwner, idempotencyKey: String) async throws(ApusError) -> JobRecord? { nil }
  func jobs(of owner: JobOwner?, state: JobState?, limit: Int) async throws(ApusError) -> [JobRecord] { [] }
  func unfinishedJobs() async throws(ApusError) -> [JobRecord] { [] }
  func measurement(_ id: MeasurementID) async throws(ApusError) -> Measurement? { nil }
  func measurements(
    _ filter: MeasurementFilter, includingSamples: Bool
  ) async throws(ApusError) -> [StoredMeasurement] { [] }
  func placements(model: ModelID?) async throws(ApusError) -> [PlacementMeasurement] { [] }
  func models() async throws(ApusError) -> [ModelProfile] { [] }
  func nodes() async throws(ApusError) -> [WorkerName: HardwareProfile] { [:] }
  func stats() async throws(ApusError) -> HistoryStats {
    HistoryStats(
      jobCount: 0, measurementCount: 0, modelCount: 0, nodeCount: 0, outcomes: [:], databaseBytes: 0)
  }
  func close() async {}
}
