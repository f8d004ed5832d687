import Foundation
import Serving
import TestKit
import Testing

@testable import History

/// Formats of other programs say what they say and no more, and what is imported never counts as measured here.
@Suite struct ImporterTests {
  let directory: TemporaryFolder

  init() throws { directory = TemporaryFolder() }

  private static func fixture(_ name: String) -> String {
    SchemaTests.root.appendingPathComponent("Tests/Fixtures/imports/\(name)").path
  }

  private func file(_ name: String, _ text: String) -> String {
    let path = directory.file(name)
    precondition(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)), "the test's disk is full")
    return path
  }

  private func imported(_ path: String, _ facts: StatedFacts = StatedFacts()) async throws -> [Measurement] {
    let store = InMemoryHistoryStore()
    let importer = try ImporterCatalogue.importer(named: nil, for: path)
    let summary = try await HistoryImport.importFile(path, as: importer, facts, into: store)
    let measurements = try await store.measurements(MeasurementFilter(), includingSamples: true).map(\.measurement)
    #expect(summary.importedCount == measurements.count && summary.problems.isEmpty)
    return measurements
  }

  @Test("Every file of the folder is in the catalogue, once")
  func catalogueIsComplete() throws {
    let folder = SchemaTests.root.appendingPathComponent("Sources/History/Importers")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(Set(ImporterCatalogue.all.map { "\(type(of: $0)).swift" }) == Set(files))
    #expect(Set(ImporterCatalogue.all.map(\.name)).count == files.count)
  }

  @Test(
    "A file shows one format",
    arguments: [
      ("llama-bench.csv", "llama-bench"), ("llama-bench.json", "llama-bench"), ("llama-bench.jsonl", "llama-bench"),
      ("llama-bench.sql", "llama-bench"), ("vllm-bench-serve.jsonl", "vllm-bench-serve"), ("guidellm.json", "guidellm"),
    ])
  func formatsAreToldApart(name: String, format: String) throws {
    let beginning = try String(contentsOfFile: Self.fixture(name), encoding: .utf8)
    #expect(ImporterCatalogue.all.filter { $0.recognizes(beginning) }.map(\.name) == [format])
  }

  @Test("A file of no format, and a format of no name, are refused with the list")
  func unknownFormats() async throws {
    let path = file("x.csv", "a,b\n1,2\n")
    let unknown = await refusal { () throws(ApusError) in _ = try ImporterCatalogue.importer(named: nil, for: path) }
    #expect(unknown?.code == .badInput && unknown?.reason.contains("llama-bench") == true)
    let misnamed = await refusal { () throws(ApusError) in _ = try ImporterCatalogue.importer(named: "x", for: path) }
    #expect(misnamed?.code == .usage && misnamed?.advice.contains("guidellm") == true)
  }

  @Test("llama-bench's four forms say the same", arguments: ["csv", "json", "jsonl", "sql"])
  func llamaBench(form: String) async throws {
    let both = try await imported(Self.fixture("llama-bench." + form))
    try #require(both.count == 2)
    let (reading, writing) = (both[0], both[1])
    let (read, written) = (try #require(reading.outcome.metrics), try #require(writing.outcome.metrics))
    #expect(reading.workload.name == "pp512" && writing.workload.name == "tg128 @ d4096")
    #expect(read.wallSeconds == 0.8 && read.promptTokenCount == 512 && read.outputTokenCount == 0)
    #expect(read.ttft.meanMS.isNaN, "a library has no time to first token")
    #expect(written.tpot.meanMS == 20 && written.throughput == 50 && written.tpot.p99MS.isNaN)
    #expect(writing.workload.promptTokens == 4096...4096 && writing.workload.sharedPrefixShare == 1)
    #expect(reading.fidelity == .exact && writing.fidelity == .approximate)
    #expect(
      writing.configuration.knobs == [
        .threadCount: .int(8), .batchTokens: .int(2048), .microBatchTokens: .int(512), .keyCacheType: .text("q8_0"),
        .valueCacheType: .text("q8_0"), .gpuLayers: .int(-1), .flashAttention: .bool(true),
      ])
    #expect(reading.configuration[.flashAttention] == nil, "left to the library")
    #expect(reading.configuration.engine.rawValue == "llama-bench" && reading.engineVersion == "8863 (0123abc)")
    #expect(reading.model.name == "tiny-0.6b-q8_0.gguf" && reading.model.parameterCount == 596_049_920)
    #expect(reading.model.architecture == "qwen3" && reading.model.weightType == "Q8_0")
    #expect(reading.model.layerCount == 0, "not said")
    #expect(reading.startedAtMS == 1_787_220_000_000 && reading.source == .imported(from: "llama-bench.\(form)"))
    #expect(reading.hardware.processor == "imported: Example CPU, 8 cores" && reading.hardware.coreCount == 0)
  }

  @Test("vLLM's runs: what is not said stays unknown, whole requests come from each one's latency when all went well")
  func vllmBenchServe() async throws {
    let both = try await imported(Self.fixture("vllm-bench-serve.jsonl"))
    try #require(both.count == 2)
    let (closed, open) = (both[0], both[1])
    let (first, second) = (try #require(closed.outcome.metrics), try #require(open.outcome.metrics))
    #expect(first.ttft.meanMS == 250 && first.ttft.p50MS == 240 && first.ttft.p90MS.isNaN && first.ttft.p99MS == 290)
    #expect(first.e2e.meanMS == 4000 && abs(first.e2e.p90MS - 4700) < 1e-6 && first.throughput == 64)
    #expect(closed.workload.concurrency == 2 && closed.workload.arrivalRate == nil)
    #expect(closed.workload.promptTokens == 1024...1024 && closed.workload.outputTokens == 128...128)
    #expect(closed.configuration.engine.rawValue == "vllm" && !closed.configuration.isDefault)
    #expect(closed.engineVersion == "unknown" && closed.hardware.processor == "imported: unknown")
    #expect(second.e2e.meanMS.isNaN, "one failed, and nothing says whose latency is whose")
    #expect(second.failedRequestCount == 1 && second.acceptanceRate == 0.75)
    #expect(open.workload.arrivalRate == 2.5 && open.configuration.engine.rawValue == "unknown")
    #expect(open.warnings.contains { $0.contains("burstiness 0.5") })
    #expect(open.configuration.knobs == [.sourceConfiguration: .text("chunked")])
  }

  @Test("GuideLLM: TPOT only where it is the mean gap, counts of the good requests alone")
  func guideLLM() async throws {
    let both = try await imported(Self.fixture("guidellm.json"))
    try #require(both.count == 2)
    let (closed, open) = (both[0], both[1])
    let (first, second) = (try #require(closed.outcome.metrics), try #require(open.outcome.metrics))
    #expect(first.e2e.meanMS == 3100 && first.ttft.p99MS == 150 && first.wallSeconds == 30)
    #expect(first.outputTokenCount == 36 * 128 && first.requestCount == 36 && first.failedRequestCount == 0)
    #expect(first.tpot.meanMS == 23.5 && first.itl.meanMS == 23.5 && first.itl.p50MS.isNaN)
    #expect(second.tpot.meanMS.isNaN && second.failedRequestCount == 2)
    #expect(closed.workload.concurrency == 4 && closed.workload.promptTokens == 250...260)
    #expect(open.workload.arrivalRate == 1.5 && closed.model.name == "example/tiny-1b")
    #expect(closed.warnings.contains { $0.hasPrefix("4 requests were cut off") })
  }

  private static let publishedHeader =
    "dataset,model,params_b,active_params_b,n_layers,hidden_size,n_heads,n_kv_heads,head_dim,ffn_size,n_experts,"
    + "experts_per_tok,vocab_size,hardware,hw_mem_gb,device_count,engine,engine_version,precision,tp,pp,dp,strategy,"
    + "prompt_tokens,output_tokens,concurrency,phase,status,throughput_tok_s,ttft_ms,tpot_ms,e2e_ms,memory_mb,measured_at\n"

  private static func published(_ dataset: String, _ rest: String, status: String = "ok") -> String {
    "\(dataset),m/x,7,7,32,4096,32,8,128,14336,0,0,32000,G-80GB,80,2,e,1.0,fp16,2,1,,e|tp2,"
      + rest.replacing("STATUS", with: status) + "\n"
  }

  @Test(
    "Published sets: what their throughput counts decides the block",
    arguments: [
      ("aic_silicon_e2e", "aic-silicon", "100,50,4,online-serving,STATUS,400,20,9,461,,", 4, 200, 0.5),
      ("argonne_llm_inference_bench", "argonne", "100,100,4,offline-batch,STATUS,1600,,,500,,", 4, 400, 0.5),
      ("ibm_llm_pilot", "ibm-llm-pilot", "112.3,20,1,online-serving,STATUS,10,5,6,7,,2023-10", 60, 1200, 120),
      ("lhl_strix_halo_llamacpp", "strix-halo", "0,128,1,decode,STATUS,64,,,,100,", 1, 128, 2),
      ("prem_benchmarks", "prem", "10,512,1,generate,STATUS,51.2,,,,100,2024-04-30", 1, 512, 10),
    ])
  func publishedSets(dataset: String, format: String, rest: String, requests: Int, output: Int, seconds: Double)
    async throws
  {
    let path = file("p.csv", Self.publishedHeader + Self.published(dataset, rest))
    #expect(try ImporterCatalogue.importer(named: nil, for: path).name == format)
    let one = try #require(try await imported(path).first)
    let metrics = try #require(one.outcome.metrics)
    #expect(metrics.requestCount == requests && metrics.outputTokenCount == output)
    #expect(abs(metrics.wallSeconds - seconds) < 1e-9)
    #expect(one.model.parameterCount == 7_000_000_000 && one.model.weightBytes == 0, "bytes are not said")
    #expect(one.hardware.accelerators.map(\.name) == ["G-80GB", "G-80GB"])
    #expect(one.configuration[.tensorParallel] == .int(2))
    #expect(one.configuration[.sourceConfiguration] == .text("e|tp2 fp16"))

    let refused = file(
      "q.csv",
      Self.publishedHeader + Self.published(dataset, rest)
        + Self.published(dataset, rest, status: "not-comparable"))
    let error = await refusal { () throws(ApusError) in
      _ = try await HistoryImport.importFile(
        refused, as: ImporterCatalogue.importer(named: format, for: refused), into: InMemoryHistoryStore())
    }
    #expect(error?.reason.contains("line 3: status is \"not-comparable\"") == true, "\(error as Any)")
  }

  @Test(
    "A wrong row is named with its line; the others are kept when asked",
    arguments: [
      ("llama-bench.csv", "\"512\",\"0\",\"0\"", "\"many\",\"0\",\"0\"", 2, "n_prompt"),
      ("llama-bench.json", "\"avg_ns\": 2560000000", "\"avg_ns\": -1", 48, "avg_ns"),
      ("llama-bench.jsonl", "\"avg_ns\": 2560000000", "\"avg_ns\": NaN", 2, "not valid JSON"),
      ("llama-bench.sql", "'0123abc', '8863', ", "'0123abc', ", 47, "41 values for 42 columns"),
      ("vllm-bench-serve.jsonl", "\"request_rate\": 2.5", "\"request_rate\": 0", 2, "request_rate is 0"),
      ("guidellm.json", "\"type_\": \"poisson\"", "\"type_\": \"bursty\"", 272, "no strategy known here"),
    ])
  func wrongRows(name: String, from: String, to: String, line: Int, reason: String) async throws {
    var text = try String(contentsOfFile: Self.fixture(name), encoding: .utf8)
    let place = try #require(
      text.range(of: from, options: name.hasSuffix("sql") ? .backwards : []), "the fixture has \(from)")
    text.replaceSubrange(place, with: to)
    let path = file(name, text)
    let importer = try ImporterCatalogue.importer(named: nil, for: path)
    let store = InMemoryHistoryStore()
    let error = await refusal { () throws(ApusError) in
      _ = try await HistoryImport.importFile(path, as: importer, into: store)
    }
    #expect(error?.code == .badInput && error?.reason.contains(reason) == true, "\(error as Any)")
    #expect(try await store.stats().measurementCount == 0)
    let summary = try await HistoryImport.importFile(path, as: importer, into: store, skippingWrongRows: true)
    #expect(summary.importedCount == 1 && summary.problems.map(\.line) == [line], "\(summary.problems)")
  }

  @Test("What is imported equals no hardware of this cluster, whatever is stated; a restored export does")
  func importsNeverCountAsMeasuredHere() async throws {
    var examples = HistoryExamples(seed: 1)
    let own = examples.measurement("m", requests: 1)
    let stated = try await imported(Self.fixture("vllm-bench-serve.jsonl"), StatedFacts(hardware: own.hardware))
    #expect(stated.allSatisfy { $0.hardware.fingerprint != own.hardware.fingerprint })
    #expect(stated.allSatisfy { $0.hardware.memoryBandwidth == own.hardware.memoryBandwidth })

    let store = InMemoryHistoryStore()
    try await store.append([.measurement(own)])
    let export = directory.file("export.csv")
    _ = try await MeasurementCSV.export(store, to: export)
    let tidy = try ImporterCatalogue.importer(named: nil, for: export)
    for isRestoring in [false, true] {
      let copy = InMemoryHistoryStore()
      _ = try await HistoryImport.importFile(export, as: tidy, into: copy, isRestoring: isRestoring)
      let read = try #require(try await copy.measurement(own.id))
      #expect((read.hardware.fingerprint == own.hardware.fingerprint) == isRestoring)
    }
  }

  @Test("The same file twice is stored once; stated facts make other measurements of it")
  func repeats() async throws {
    let path = Self.fixture("vllm-bench-serve.jsonl")
    let importer = try ImporterCatalogue.importer(named: nil, for: path)
    let store = InMemoryHistoryStore()
    _ = try await HistoryImport.importFile(path, as: importer, into: store)
    let again = try await HistoryImport.importFile(path, as: importer, into: store)
    #expect(again.importedCount == 0 && again.knownCount == 2)
    for form in ["json", "csv", "sql"] {
      let path = Self.fixture("llama-bench." + form)
      let summary = try await HistoryImport.importFile(
        path, as: ImporterCatalogue.importer(named: nil, for: path), into: store)
      #expect(summary.importedCount == (form == "json" ? 2 : 0), "one test is one measurement in every form")
    }
    let facts = StatedFacts(engine: EngineName("sglang"), engineVersion: "0.5", knobs: [:])
    let stated = try await HistoryImport.importFile(path, as: importer, facts, into: store)
    #expect(stated.importedCount == 2)
    let all = try await store.measurements(MeasurementFilter(), includingSamples: false).map(\.measurement)
    #expect(all.suffix(2).allSatisfy { $0.configuration.isDefault && $0.engineVersion == "0.5" })
  }

  @Test("What was imported is exported and read again as it was")
  func exportsOfImports() async throws {
    let store = try SQLiteHistoryStore(path: directory.file("h.sqlite"))
    for name in ["llama-bench.sql", "vllm-bench-serve.jsonl", "guidellm.json"] {
      let path = Self.fixture(name)
      _ = try await HistoryImport.importFile(
        path, as: ImporterCatalogue.importer(named: nil, for: path), into: store)
    }
    let (first, second) = (directory.file("1.csv"), directory.file("2.csv"))
    #expect(try await MeasurementCSV.export(store, to: first) == 6)
    await store.close()
    let copy = InMemoryHistoryStore()
    let tidy = try ImporterCatalogue.importer(named: nil, for: first)
    _ = try await HistoryImport.importFile(first, as: tidy, into: copy)
    #expect(try await MeasurementCSV.export(copy, to: second) == 6)
    let texts = try [first, second].map { path in
      try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline).sorted()
    }
    // The file's name is another one.
    func withoutOrigin(_ lines: [Substring]) -> [String] {
      lines.map { line in
        ["llama-bench.sql", "vllm-bench-serve.jsonl", "guidellm.json"].reduce(String(line)) {
          $0.replacing("imported,,,,,,\($1),", with: "imported,,,,,,1.csv,")
        }
      }
    }
    #expect(withoutOrigin(texts[0]) == withoutOrigin(texts[1]))
  }

  @Test(
    "The public files are read whole, wrong rows and all",
    .enabled(if: SharedFiles.has, "needs ../shared/data/perf"), arguments: SharedFiles.rowCounts)
  func publicFiles(name: String, rows: Int, wrong: Int) async throws {
    let path = SharedFiles.path(name)
    let store = InMemoryHistoryStore()
    let summary = try await HistoryImport.importFile(
      path, as: ImporterCatalogue.importer(named: nil, for: path), into: store, skippingWrongRows: true)
    #expect(summary.importedCount == rows, "\(summary.problems.prefix(3))")
    #expect(summary.problems.count == wrong, "\(summary.problems.prefix(3))")
  }
}

private enum SharedFiles {
  static func path(_ name: String) -> String {
    (ProcessInfo.processInfo.environment["APUS_SHARED_DATA"]
      ?? FileManager.default.currentDirectoryPath + "/../shared/data") + "/perf/" + name
  }
  static let has = FileManager.default.fileExists(atPath: path("ibm_llm_pilot.csv"))
  static let rowCounts: [(String, Int, Int)] = [
    ("aic_silicon_e2e.csv", 1660, 18), ("argonne_llm_inference_bench.csv", 3611, 1161), ("ibm_llm_pilot.csv", 303, 0),
    ("lhl_strix_halo_llamacpp.csv", 2666, 0), ("prem_benchmarks.csv", 62, 0),
  ]
}
