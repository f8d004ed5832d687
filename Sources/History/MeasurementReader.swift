import GRDB
import Serving

import struct Foundation.Data

/// Turns rows of `measurements` back into measurements, on any reading connection.
struct MeasurementReader: Sendable {
  private let hardware = ContentReader<HardwareProfile>()
  private let models = ContentReader<ModelProfile>()
  private let workloads = ContentReader<Workload>()
  private let configurations = ContentReader<EngineConfiguration>()

  func model(row: Int64, in db: Database) throws -> ModelProfile { try models.value(row: row, in: db) }
  func hardware(row: Int64, in db: Database) throws -> HardwareProfile { try hardware.value(row: row, in: db) }

  func measurement(_ id: MeasurementID, in db: Database) throws -> Measurement? {
    try select("WHERE m.id = ?", [id.rawValue], includingSamples: true, in: db).first?.measurement
  }

  func measurements(
    _ filter: MeasurementFilter, includingSamples: Bool, in db: Database
  ) throws -> [StoredMeasurement] {
    var conditions = ["m.row > ?"]
    var arguments: StatementArguments = [filter.afterRow]
    if let model = filter.model {
      conditions.append("m.model_profile_row IN (SELECT id FROM model_profiles WHERE model_id = ?)")
      arguments += [model.rawValue]
    }
    if let worker = filter.worker {
      conditions.append("m.worker = ?")
      arguments += [worker.rawValue]
    }
    if let benchmark = filter.benchmark {
      conditions.append("m.benchmark_id = ?")
      arguments += [benchmark.rawValue]
    }
    // SQLite takes a negative limit for none.
    arguments += [filter.limit.map { max(0, $0) } ?? -1]
    return try select(
      "WHERE \(conditions.joined(separator: " AND ")) ORDER BY m.row LIMIT ?", arguments,
      includingSamples: includingSamples, in: db)
  }

  private func select(
    _ clause: String, _ arguments: StatementArguments, includingSamples: Bool, in db: Database
  ) throws -> [StoredMeasurement] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT \(MeasurementColumn.selectList), m.row, \(QualityTable.selectList)\(includingSamples ? ", s.timelines" : "")
        FROM measurements m LEFT JOIN quality_losses q ON q.measurement_row = m.row
        \(includingSamples ? "LEFT JOIN samples s ON s.measurement_row = m.row" : "") \(clause)
        """)
    var found: [StoredMeasurement] = []
    let rows = try Row.fetchCursor(statement, arguments: arguments)
    let rowPlace = MeasurementColumn.allCases.count
    while let row = try rows.next() {
      var measurement = try self.measurement(StoredRow(row: row), in: db)
      measurement.quality = QualityTable.read(row, from: rowPlace + 1)
      if includingSamples, let timelines = row[rowPlace + 1 + QualityTable.columnCount] as Data? {
        measurement.samples = try SampleCodec.decode(timelines)
      }
      found.append(StoredMeasurement(row: row[rowPlace], measurement: measurement))
    }
    return found
  }

  private func measurement(_ row: StoredRow, in db: Database) throws -> Measurement {
    Measurement(
      id: MeasurementID(try row.text(.id)), source: try row.source, worker: WorkerName(try row.text(.worker)),
      hardware: try hardware.value(row: row.reference(.hardwareRow), in: db),
      model: try models.value(row: row.reference(.modelProfileRow), in: db),
      workload: try workloads.value(row: row.reference(.workloadRow), in: db),
      configuration: try configurations.value(row: row.reference(.configurationRow), in: db),
      fidelity: try row.word(.fidelity), engineVersion: row.freeText(.engineVersion),
      startedAtMS: Int64(try row.int(.startedAtMS)), outcome: try row.outcome,
      warnings: try row.optionalText(.warnings).map { try StoredJSON.value([String].self, $0) } ?? [],
      memoryEstimateBytes: row.row[MeasurementColumn.memoryEstimateBytes.rawValue],
      acceleratorMemoryEstimateBytes: row.row[MeasurementColumn.acceleratorMemoryEstimateBytes.rawValue])
  }
}

/// One row of `measurements`, read by column. Valid until the cursor moves on.
private struct StoredRow {
  let row: Row

  func optionalText(_ column: MeasurementColumn) -> String? { row[column.rawValue] }
  func freeText(_ column: MeasurementColumn) -> String { FreeText.text(row[column.rawValue]) ?? "" }

  func text(_ column: MeasurementColumn) throws -> String {
    try present(optionalText(column), column)
  }

  func int(_ column: MeasurementColumn) throws -> Int { try present(row[column.rawValue] as Int?, column) }
  func reference(_ column: MeasurementColumn) throws -> Int64 { Int64(try int(column)) }

  /// A metric; NULL stands for NaN, which SQLite cannot store.
  func figure(_ column: MeasurementColumn) -> Double { (row[column.rawValue] as Double?) ?? .nan }

  func word<Word: RawRepresentable<String>>(_ column: MeasurementColumn) throws -> Word {
    try present(Word(rawValue: try text(column)), column)
  }

  private func present<Value>(_ value: Value?, _ column: MeasurementColumn) throws -> Value {
    guard let value else {
      throw HistoryFault.damaged("measurement \(optionalText(.id) ?? "without id") has no usable \(column.name)")
    }
    return value
  }

  var source: MeasurementSource {
    get throws {
      switch try text(.source) {
      case "trial":
        .trial(
          TrialID(try text(.trialID)), benchmark: BenchmarkID(try text(.benchmarkID)), purpose: try word(.purpose),
          round: try int(.round))
      case "job": .job(JobID(try text(.jobID)))
      case "imported": .imported(from: try text(.importedFrom))
      case let other: throw HistoryFault.damaged("measurement source \(other)")
      }
    }
  }

  var outcome: Outcome {
    get throws {
      switch try text(.outcome) {
      case "completed": .completed(try metrics)
      case "out_of_memory": .outOfMemory(detail: freeText(.failureDetail))
      case "timed_out": .timedOut(afterSeconds: figure(.timedOutAfterSeconds))
      case "engine_failed":
        .engineFailed(reason: freeText(.failureDetail), lastLines: freeText(.failureLastLines))
      case "lost_worker": .lostWorker
      case "cancelled": .cancelled
      case let other: throw HistoryFault.damaged("measurement outcome \(other)")
      }
    }
  }

  private var metrics: Metrics {
    get throws {
      Metrics(
        requestCount: try int(.requestCount), failedRequestCount: try int(.failedRequestCount),
        promptTokenCount: try int(.promptTokenCount), outputTokenCount: try int(.outputTokenCount),
        wallSeconds: figure(.wallSeconds), cpuSeconds: row[MeasurementColumn.cpuSeconds.rawValue],
        peakMemoryBytes: row[MeasurementColumn.peakMemoryBytes.rawValue], loadSeconds: figure(.loadSeconds),
        ttft: latency(from: .ttftMeanMS), itl: latency(from: .itlMeanMS), tpot: latency(from: .tpotMeanMS),
        e2e: latency(from: .e2eMeanMS), acceptanceRate: row[MeasurementColumn.acceptanceRate.rawValue],
        energyJoules: row[MeasurementColumn.energyJoules.rawValue],
        acceleratorMemoryBytes: row[MeasurementColumn.acceleratorMemoryBytes.rawValue])
    }
  }

  private func latency(from first: MeasurementColumn) -> LatencySummary {
    func figure(_ offset: Int) -> Double { (row[first.rawValue + offset] as Double?) ?? .nan }
    return LatencySummary(meanMS: figure(0), p50MS: figure(1), p90MS: figure(2), p99MS: figure(3))
  }
}
