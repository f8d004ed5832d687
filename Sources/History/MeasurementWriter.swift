import GRDB
import Serving

/// Writes measurements through the one writing connection.
struct MeasurementWriter {
  var hardware = ContentWriter<HardwareProfile>()
  var models = ContentWriter<ModelProfile>()
  private var workloads = ContentWriter<Workload>()
  private var configurations = ContentWriter<EngineConfiguration>()

  init() {}

  mutating func forget() {
    hardware.forget()
    models.forget()
    workloads.forget()
    configurations.forget()
  }

  /// Stores the measurement and its raw samples, unless its id is stored already: the first one stays.
  mutating func write(_ measurement: Measurement, to db: Database) throws {
    let values = try columns(of: measurement, in: db)
    try db.cachedStatement(sql: MeasurementColumn.insertSQL).execute(arguments: StatementArguments(columns: values))
    guard db.changesCount == 1 else { return }
    let row = db.lastInsertedRowID
    if let quality = measurement.quality { try QualityTable.write(quality, of: row, to: db) }
    guard !measurement.samples.isEmpty else { return }
    try db.cachedStatement(sql: "INSERT INTO samples (measurement_row, timelines) VALUES (?, ?)")
      .execute(arguments: [row, SampleCodec.encode(measurement.samples)])
  }

  private mutating func columns(of measurement: Measurement, in db: Database) throws -> [DatabaseValue] {
    var row = ColumnValues()
    row.set(.id, measurement.id.rawValue)
    row.set(measurement.source)
    row.set(.worker, measurement.worker.rawValue)
    row.set(.hardwareRow, try hardware.row(of: measurement.hardware, in: db))
    row.set(.modelProfileRow, try models.row(of: measurement.model, in: db))
    row.set(.workloadRow, try workloads.row(of: measurement.workload, in: db))
    row.set(.configurationRow, try configurations.row(of: measurement.configuration, in: db))
    row.set(.fidelity, measurement.fidelity.rawValue)
    row.set(.engineVersion, FreeText.databaseValue(measurement.engineVersion))
    row.set(.startedAtMS, measurement.startedAtMS)
    row.set(measurement.outcome)
    if let bytes = measurement.memoryEstimateBytes { row.set(.memoryEstimateBytes, bytes) }
    if let bytes = measurement.acceleratorMemoryEstimateBytes { row.set(.acceleratorMemoryEstimateBytes, bytes) }
    if !measurement.warnings.isEmpty { row.set(.warnings, StoredJSON.text(measurement.warnings)) }
    return row.values
  }
}

/// The arguments of one row, by column.
private struct ColumnValues {
  private(set) var values = [DatabaseValue](repeating: .null, count: MeasurementColumn.allCases.count)

  mutating func set(_ column: MeasurementColumn, _ value: some DatabaseValueConvertible) {
    values[column.rawValue] = value.databaseValue
  }

  mutating func set(_ source: MeasurementSource) {
    switch source {
    case .trial(let trial, let benchmark, let purpose, let round):
      set(.source, "trial")
      set(.trialID, trial.rawValue)
      set(.benchmarkID, benchmark.rawValue)
      set(.purpose, purpose.rawValue)
      set(.round, round)
    case .job(let job):
      set(.source, "job")
      set(.jobID, job.rawValue)
    case .imported(let file):
      set(.source, "imported")
      set(.importedFrom, file)
    }
  }

  mutating func set(_ outcome: Outcome) {
    set(.outcome, outcome.kind)
    switch outcome {
    case .completed(let metrics):
      set(metrics)
    case .outOfMemory(let detail):
      set(.failureDetail, FreeText.databaseValue(detail))
    case .timedOut(let seconds):
      set(.timedOutAfterSeconds, seconds)
    case .engineFailed(let reason, let lastLines):
      set(.failureDetail, FreeText.databaseValue(reason))
      set(.failureLastLines, FreeText.databaseValue(lastLines))
    case .lostWorker, .cancelled:
      break
    }
  }

  private mutating func set(_ metrics: Metrics) {
    set(.requestCount, metrics.requestCount)
    set(.failedRequestCount, metrics.failedRequestCount)
    set(.promptTokenCount, metrics.promptTokenCount)
    set(.outputTokenCount, metrics.outputTokenCount)
    set(.wallSeconds, metrics.wallSeconds)
    if let seconds = metrics.cpuSeconds { set(.cpuSeconds, seconds) }
    if let bytes = metrics.peakMemoryBytes { set(.peakMemoryBytes, bytes) }
    set(.loadSeconds, metrics.loadSeconds)
    set(metrics.ttft, from: .ttftMeanMS)
    set(metrics.itl, from: .itlMeanMS)
    set(metrics.tpot, from: .tpotMeanMS)
    set(metrics.e2e, from: .e2eMeanMS)
    if let rate = metrics.acceptanceRate { set(.acceptanceRate, rate) }
    if let joules = metrics.energyJoules { set(.energyJoules, joules) }
    if let bytes = metrics.acceleratorMemoryBytes { set(.acceleratorMemoryBytes, bytes) }
  }

  private mutating func set(_ summary: LatencySummary, from first: MeasurementColumn) {
    let figures = [summary.meanMS, summary.p50MS, summary.p90MS, summary.p99MS]
    for (offset, figure) in figures.enumerated() { values[first.rawValue + offset] = figure.databaseValue }
  }
}
