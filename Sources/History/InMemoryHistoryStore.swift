public import Serving

/// A history that lasts as long as the process: for runs that need no memory, and for tests. Keeps the same contract,
/// but for the power cut.
public actor InMemoryHistoryStore: HistoryStore {
  private struct OwnedKey: Hashable {
    var owner: JobOwner
    var key: String
  }

  private var jobs: [JobID: JobRecord] = [:]
  private var jobOrder: [JobID: Int] = [:]
  private var jobByKey: [OwnedKey: JobID] = [:]
  private var stored: [StoredMeasurement] = []
  private var measurementPlace: [MeasurementID: Int] = [:]
  private var measuredPlacements: [PlacementMeasurement] = []
  private var placementIDs: Set<MeasurementID> = []
  private var modelByID: [ModelID: ModelProfile] = [:]
  private var hardwareByWorker: [WorkerName: HardwareProfile] = [:]
  private var isClosed = false

  public init() {}

  public func append(_ records: [HistoryRecord]) async throws(ApusError) {
    try checkOpen()
    try RecordRules.check(records)
    try checkKeys(records)
    for record in records {
      switch record {
      case .job(let job): store(job)
      case .measurement(let measurement): store(measurement)
      case .placement(let measurement):
        if placementIDs.insert(measurement.id).inserted { measuredPlacements.append(measurement) }
      case .model(let model): modelByID[model.id] = model
      case .node(let worker, let hardware): hardwareByWorker[worker] = hardware
      }
    }
  }

  public func job(_ id: JobID) async throws(ApusError) -> JobRecord? {
    try checkOpen()
    return jobs[id]
  }

  public func job(of owner: JobOwner, idempotencyKey: String) async throws(ApusError) -> JobRecord? {
    try checkOpen()
    return jobByKey[OwnedKey(owner: owner, key: idempotencyKey)].flatMap { jobs[$0] }
  }

  public func jobs(of owner: JobOwner?, state: JobState?, limit: Int) async throws(ApusError) -> [JobRecord] {
    try checkOpen()
    let newestFirst = oldestFirst {
      (owner == nil || $0.owner == owner) && (state == nil || $0.state == state)
    }.reversed()
    return Array(newestFirst.prefix(max(0, limit)))
  }

  public func unfinishedJobs() async throws(ApusError) -> [JobRecord] {
    try checkOpen()
    return oldestFirst { !$0.state.isFinished }
  }

  public func measurement(_ id: MeasurementID) async throws(ApusError) -> Measurement? {
    try checkOpen()
    return measurementPlace[id].map { stored[$0].measurement }
  }

  public func measurements(
    _ filter: MeasurementFilter, includingSamples: Bool
  ) async throws(ApusError) -> [StoredMeasurement] {
    try checkOpen()
    // Rows are numbered from 1 without gaps, so row n stands at place n - 1.
    let rest = stored.dropFirst(Int(min(max(0, filter.afterRow), Int64(stored.count))))
    let matching = rest.lazy.filter { filter.matches($0.measurement) }
    let found = filter.limit.map { Array(matching.prefix(max(0, $0))) } ?? Array(matching)
    guard !includingSamples else { return found }
    return found.map { entry in
      var bare = entry
      bare.measurement.samples = []
      return bare
    }
  }

  public func placements(model: ModelID?) async throws(ApusError) -> [PlacementMeasurement] {
    try checkOpen()
    return model.map { model in measuredPlacements.filter { $0.model == model } } ?? measuredPlacements
  }

  public func models() async throws(ApusError) -> [ModelProfile] {
    try checkOpen()
    return modelByID.values.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
  }

  public func nodes() async throws(ApusError) -> [WorkerName: HardwareProfile] {
    try checkOpen()
    return hardwareByWorker
  }

  public func stats() async throws(ApusError) -> HistoryStats {
    try checkOpen()
    return HistoryStats(
      jobCount: jobs.count, measurementCount: stored.count, modelCount: modelByID.count,
      nodeCount: hardwareByWorker.count,
      outcomes: Dictionary(stored.map { ($0.measurement.outcome.kind, 1) }, uniquingKeysWith: +), databaseBytes: 0)
  }

  public func close() async { isClosed = true }

  private func checkOpen() throws(ApusError) {
    if isClosed { throw ApusError(.unavailable, "the history is closed") }
  }

  /// Checked before anything is stored, so that an append is stored whole or not at all.
  private func checkKeys(_ records: [HistoryRecord]) throws(ApusError) {
    var owners = jobByKey
    for case .job(let job) in records {
      guard let key = job.spec.idempotencyKey else { continue }
      let owner = owners.updateValue(job.id, forKey: OwnedKey(owner: job.owner, key: key))
      if let owner, owner != job.id { throw RecordRules.keyTaken(job.owner, key: key) }
    }
  }

  private func store(_ job: JobRecord) {
    if let old = jobs[job.id] {
      guard RecordRules.mayReplace(old, with: job) else { return }
      if let key = old.spec.idempotencyKey { jobByKey[OwnedKey(owner: old.owner, key: key)] = nil }
    } else {
      jobOrder[job.id] = jobOrder.count
    }
    jobs[job.id] = job
    if let key = job.spec.idempotencyKey { jobByKey[OwnedKey(owner: job.owner, key: key)] = job.id }
  }

  private func store(_ measurement: Measurement) {
    guard measurementPlace[measurement.id] == nil else { return }
    measurementPlace[measurement.id] = stored.count
    stored.append(StoredMeasurement(row: Int64(stored.count + 1), measurement: measurement))
  }

  private func oldestFirst(_ isWanted: (JobRecord) -> Bool) -> [JobRecord] {
    jobs.values.filter(isWanted).sorted {
      ($0.submittedAtMS, jobOrder[$0.id]!) < ($1.submittedAtMS, jobOrder[$1.id]!)
    }
  }
}

extension MeasurementFilter {
  /// Whether a measurement has what the filter asks for; rows and the limit are the store's business.
  func matches(_ measurement: Measurement) -> Bool {
    if let model, measurement.model.id != model { return false }
    if let worker, measurement.worker != worker { return false }
    guard let benchmark else { return true }
    if case .trial(_, benchmark, _, _) = measurement.source { return true }
    return false
  }
}
