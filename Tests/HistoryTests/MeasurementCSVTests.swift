import Foundation
import History
import Serving
import TestKit
import Testing

/// What is exported can be imported; what is wrong is named by line and reason, and nothing of a refused file is stored.
@Suite struct MeasurementCSVTests {
  let directory: TemporaryFolder

  init() throws { directory = TemporaryFolder() }

  private func exported(_ measurements: [Measurement]) async throws -> String {
    let store = InMemoryHistoryStore()
    try await store.append(measurements.map { .measurement($0) })
    #expect(try await MeasurementCSV.export(store, to: directory.file("out.csv")) == measurements.count)
    return try String(contentsOfFile: directory.file("out.csv"), encoding: .utf8)
  }

  private func importing(
    _ text: String, into store: any HistoryStore, skipping: Bool = false
  ) async throws(ApusError) -> HistoryImport.Summary {
    let file = directory.file("in.csv")
    precondition(FileManager.default.createFile(atPath: file, contents: Data(text.utf8)), "the test's disk is full")
    return try await HistoryImport.importFile(
      file, as: ImporterCatalogue.importer(named: "tidy", for: file), into: store, skippingWrongRows: skipping,
      isRestoring: true)
  }

  private static func examples() -> [Measurement] {
    var examples = HistoryExamples(seed: 1)
    let outcomes: [Outcome] = [
      .outOfMemory(detail: "a, \"b\"\r\nc"), .timedOut(afterSeconds: 0.1), .lostWorker, .cancelled,
      .engineFailed(reason: "exit 1", lastLines: "last\nlines"),
    ]
    var all = (0..<10).map { examples.measurement("m\($0)", requests: 1) }
    for (number, outcome) in outcomes.enumerated() { all[number].outcome = outcome }
    all[7].warnings = ["one, two", "\"three\""]
    all[8].workload.arrivalRate = 0.1 + 0.2
    all[9].source = .job(JobID("j"))
    all[6].quality = QualityLoss(
      positionCount: 256, topAgreement: 0.9, decisiveMismatchCount: 3, divergence: 0.0125, perplexity: 8001.5,
      referencePerplexity: 7999.25, probeVersion: 1)
    all[5].quality = QualityLoss(positionCount: 256, topAgreement: 1, decisiveMismatchCount: 0, probeVersion: 1)
    return all
  }

  /// Everything but the raw samples and the origin comes back, through a file and into another store.
  @Test func importOfAnExportIsTheSame() async throws {
    let measurements = Self.examples()
    let text = try await exported(measurements)
    let store = InMemoryHistoryStore()
    let result = try await importing(text, into: store)
    #expect(result.importedCount == 10 && result.problems.isEmpty && result.ignoredColumns.isEmpty)
    let expected = measurements.map { measurement in
      var imported = measurement
      imported.source = .imported(from: "in.csv")
      imported.samples = []
      return imported
    }
    #expect(try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement) == expected)

    let again = try await importing(text, into: store)
    #expect(again.importedCount == 0 && again.knownCount == 10, "a file read twice is stored once")
  }

  /// Every column is documented, and no other.
  @Test func columnsAreDocumented() async throws {
    let header = try await exported([]).split(separator: "\r\n")[0].split(separator: ",").map(String.init)
    let document = try String(
      contentsOf: SchemaTests.root.appendingPathComponent("Schemas/measurement.csv.md"), encoding: .utf8)
    let documented = document.split(separator: "\n").compactMap { line -> String? in
      guard line.hasPrefix("| `") else { return nil }
      return line.split(separator: "`")[1...].first.map(String.init)
    }
    #expect(documented == header)
  }

  /// Replaces the value of a column in the last line of an export.
  private func altered(_ column: String, _ value: String) async throws -> String {
    var examples = HistoryExamples(seed: 3)
    let text = try await exported([
      examples.measurement("good", requests: 1), examples.measurement("bad", requests: 1),
    ])
    var lines = text.components(separatedBy: "\r\n")
    let place = try #require(lines[0].components(separatedBy: ",").firstIndex(of: column))
    // No field of these examples but the JSON ones holds a comma; those are put aside while splitting.
    var fields = lines[2].replacing("\"[]\"", with: "[]").splitCSV()
    fields[place] = value
    lines[2] = fields.joined(separator: ",")
    return lines.joined(separator: "\r\n")
  }

  @Test(arguments: [
    ("id", "", "id is empty"), ("id", "good", "id good is that of line 2"),
    ("worker", "", "worker is empty"), ("started_at_ms", "yesterday", "started_at_ms is \"yesterday\""),
    ("fidelity", "roughly", "not one of exact, approximate"), ("core_count", "0", "at least 1"),
    ("memory_bytes", "-1", "at least 0"), ("model_id", "abc", "SHA-256"), ("outcome", "great", "outcome is \"great\""),
    ("wall_seconds", "nan", "wall_seconds is \"nan\""), ("wall_seconds", "", "wall_seconds is empty"),
    ("e2e_p99_ms", "inf", "e2e_p99_ms"), ("ttft_p50_ms", "1e9", "do not ascend"),
    ("shared_prefix_share", "1.5", "a share from 0 to 1"), ("acceptance_rate", "2", "a share from 0 to 1"),
    ("prompt_tokens_min", "99999", "more than prompt_tokens_max"), ("knobs", "{", "JSON"),
    ("accelerators", "7", "JSON"), ("request_count", "8.0", "a whole number"), ("round", "1,2", "fields"),
    ("processor", "a \"quote\"", "a quote within a field"), ("quality_position_count", "0", "at least 1"),
    ("quality_position_count", "1", "quality_decisive_mismatch_count is empty"), ("energy_joules", "-1", "at least 0"),
    ("memory_estimate_bytes", "1.5", "a whole number"),
  ])
  func wrongValuesAreNamed(column: String, value: String, reason: String) async throws {
    let text = try await altered(column, value)
    let store = InMemoryHistoryStore()
    let error = await refusal { () throws(ApusError) in _ = try await importing(text, into: store) }
    #expect(error?.code == .badInput)
    #expect(error?.reason.contains("line 3: ") == true && error?.reason.contains(reason) == true, "\(error as Any)")
    #expect(try await store.stats().measurementCount == 0, "nothing of a refused file is stored")

    let result = try await importing(text, into: store, skipping: true)
    #expect(result.importedCount == 1 && result.problems.map(\.line) == [3])
    #expect(result.problems[0].reason.contains(reason))
  }

  /// A file from before a column existed is read, and has no value for it.
  @Test func olderFilesAreRead() async throws {
    var measurement = try #require(Self.examples().first { $0.outcome.metrics != nil })
    var metrics = try #require(measurement.outcome.metrics)
    metrics.energyJoules = 12.5
    measurement.outcome = .completed(metrics)
    measurement.memoryEstimateBytes = 1000
    let text = try await exported([measurement])
    for (isOld, renamed) in [
      (false, text), (true, text.replacing("energy_joules", with: "x").replacing("memory_estimate_bytes", with: "y")),
    ] {
      let store = InMemoryHistoryStore()
      _ = try await importing(renamed, into: store)
      let read = try #require(try await store.measurement(measurement.id))
      #expect(read.outcome.metrics?.energyJoules == (isOld ? nil : 12.5))
      #expect(read.memoryEstimateBytes == (isOld ? nil : 1000))
    }
  }

  @Test func headerIsChecked() async throws {
    let text = try await exported(Self.examples())
    let store = InMemoryHistoryStore()
    let cases = [
      ("", "is empty"), ("id,worker\r\n", "lacks the columns"), ("\"id", "never ends"),
      (text.replacing("worker,", with: "id,"), "names columns twice: id"),
    ]
    for (text, reason) in cases {
      let error = await refusal { () throws(ApusError) in _ = try await importing(text, into: store, skipping: true) }
      #expect(error?.code == .badInput && error?.reason.contains(reason) == true, "\(error as Any)")
    }
    let more = try await importing(text.replacing("workload_shape", with: "colour"), into: store)
    #expect(more.ignoredColumns == ["colour"] && more.importedCount == 10)
  }

  /// A file from before quality was measured has none of its columns, and is read.
  @Test func filesWithoutQualityAreRead() async throws {
    let lines = try await exported(Array(Self.examples().suffix(1))).components(separatedBy: "\r\n")
    let count = lines[0].components(separatedBy: ",").count(where: { $0.hasPrefix("quality_") })
    #expect(count == 7)
    let old = lines.map { $0.isEmpty ? $0 : $0.splitCSV().dropLast(count).joined(separator: ",") }
    let store = InMemoryHistoryStore()
    let result = try await importing(old.joined(separator: "\r\n"), into: store)
    #expect(result.importedCount == 1 && result.problems.isEmpty)
  }

  @Test func filesThatCannotBeUsed() async throws {
    let store = InMemoryHistoryStore()
    let missing = await refusal { () throws(ApusError) in
      _ = try await HistoryImport.importFile(
        directory.file("none.csv"), as: ImporterCatalogue.importer(named: "tidy", for: ""), into: store)
    }
    #expect(missing?.code == .disk)
    let unwritable = await refusal { () throws(ApusError) in
      _ = try await MeasurementCSV.export(store, to: directory.file("none/out.csv"))
    }
    #expect(unwritable?.code == .disk)
    let full = await refusal { () throws(ApusError) in
      _ = try await HistoryImport.importFile(
        directory.path, as: ImporterCatalogue.importer(named: "tidy", for: ""), into: store)
    }
    #expect(full?.code == .disk, "a directory is no file")
  }

  /// An export that fails leaves the file of before as it was, and nothing beside it.
  @Test func failedExportChangesNothing() async throws {
    let file = directory.file("out.csv")
    try "before".write(toFile: file, atomically: true, encoding: .utf8)
    let store = InMemoryHistoryStore()
    await store.close()
    let error = await refusal { () throws(ApusError) in _ = try await MeasurementCSV.export(store, to: file) }
    #expect(error?.code == .unavailable)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "before")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["out.csv"])
  }
}

extension String {
  /// The raw fields of one line of CSV, quotes kept.
  fileprivate func splitCSV() -> [String] {
    var fields = [""]
    var isQuoted = false
    for letter in self {
      if letter == "\"" { isQuoted.toggle() }
      if letter == "," && !isQuoted { fields.append("") } else { fields[fields.count - 1].append(letter) }
    }
    return fields
  }
}
