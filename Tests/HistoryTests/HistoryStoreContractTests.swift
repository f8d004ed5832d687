import Foundation
import History
import Serving
import Synchronization
import TestKit
import Testing

/// Both stores keep the contract that the coordinator builds on.
@Suite struct HistoryStoreContractTests {
  @Test func inMemory() async throws {
    try await HistoryStoreContract.run { InMemoryHistoryStore() }
  }

  @Test func sqlite() async throws {
    let directory = TemporaryFolder()
    try await HistoryStoreContract.run { try SQLiteHistoryStore(path: directory.file("\(UUID()).sqlite")) }
  }

  /// The suite itself can fail: a store that forgets samples, or takes the last measurement for the first, breaks it.
  @Test(arguments: [ForgetfulStore.Fault.dropsSamples, .newestMeasurementStays, .ignoresLimit, .losesPlacements])
  func brokenStoreIsFound(fault: ForgetfulStore.Fault) async throws {
    await #expect(throws: ContractViolation.self) {
      try await HistoryStoreContract.run { ForgetfulStore(fault: fault) }
    }
  }
}

/// A store with one fault.
struct ForgetfulStore: HistoryStore {
  enum Fault { case dropsSamples, newestMeasurementStays, ignoresLimit, losesPlacements }

  let fault: Fault
  private let store = InMemoryHistoryStore()
  private let replaced = Replaced()

  final class Replaced: Sendable {
    let measurements = Mutex<[MeasurementID: Measurement]>([:])
  }

  init(fault: Fault) { self.fault = fault }

  func append(_ records: [HistoryRecord]) async throws(ApusError) {
    let altered = records.map { record -> HistoryRecord in
      guard case .measurement(var measurement) = record else { return record }
      replaced.measurements.withLock { $0[measurement.id] = measurement }
      if fault == .dropsSamples { measurement.samples = [] }
      return .measurement(measurement)
    }
    try await store.append(altered)
  }

  func measurement(_ id: MeasurementID) async throws(ApusError) -> Measurement? {
    let newest = replaced.measurements.withLock { $0[id] }
    if fault == .newestMeasurementStays, let newest { return newest }
    return try await store.measurement(id)
  }

  func measurements(
    _ filter: MeasurementFilter, includingSamples: Bool
  ) async throws(ApusError) -> [StoredMeasurement] {
    var filter = filter
    if fault == .ignoresLimit { filter.limit = nil }
    return try await store.measurements(filter, includingSamples: includingSamples).map { entry in
      let newest = replaced.measurements.withLock { $0[entry.measurement.id] }
      guard fault == .newestMeasurementStays, let newest else { return entry }
      return StoredMeasurement(row: entry.row, measurement: newest)
    }
  }

  func job(_ id: JobID) async throws(ApusError) -> JobRecord? { try await store.job(id) }
  func job(of owner: JobOwner, idempotencyKey: String) async throws(ApusError) -> JobRecord? {
    try await store.job(of: owner, idempotencyKey: idempotencyKey)
  }
  func jobs(of owner: JobOwner?, state: JobState?, limit: Int) async throws(ApusError) -> [JobRecord] {
    try await store.jobs(of: owner, state: state, limit: limit)
  }
  func unfinishedJobs() async throws(ApusError) -> [JobRecord] { try await store.unfinishedJobs() }
  func placements(model: ModelID?) async throws(ApusError) -> [PlacementMeasurement] {
    let all = try await store.placements(model: model)
    return fault == .losesPlacements ? Array(all.dropFirst()) : all
  }
  func models() async throws(ApusError) -> [ModelProfile] { try await store.models() }
  func nodes() async throws(ApusError) -> [WorkerName: HardwareProfile] { try await store.nodes() }
  func stats() async throws(ApusError) -> HistoryStats { try await store.stats() }
  func close() async { await store.close() }
}
