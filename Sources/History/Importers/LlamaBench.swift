import Foundation
import Serving

/// What llama.cpp's llama-bench writes: one row for each test of reading (`pp`), writing (`tg`) or both.
///
/// It calls the library, not a server, so its engine is not `llamacpp` but `llama-bench`, and it knows no time to first
/// token. A test of depth n runs behind n tokens that were read before its clock started: here a prompt whose first n
/// tokens all requests share and find read.
struct LlamaBench: MeasurementImporter {
  let name = "llama-bench"
  let summary = "llama.cpp's llama-bench: -o csv, json, jsonl or sql (fields as of August 2026 and before)"

  func recognizes(_ beginning: String) -> Bool {
    ["build_commit", "model_n_params", "n_gen", "avg_ns"].allSatisfy { beginning.contains($0) }
  }

  func open(_ path: String, _ facts: StatedFacts) throws(ApusError) -> any ImportSource {
    let bytes = try ImportFile.whole(path)
    let foreign = ForeignMeasurement(name, path: path, facts)
    return ImportRows(Self.rows(bytes)) { row throws(RowFault) in try Self.measurement(row, foreign) }
  }

  private static func rows(_ bytes: [UInt8]) -> [ImportRows<ImportRecord>.Entry] {
    switch bytes.first(where: { $0 > UInt8(ascii: " ") }) {
    case UInt8(ascii: "["): objects(bytes, within: "[")
    case UInt8(ascii: "{"): objects(bytes, within: "")
    case UInt8(ascii: "C"), UInt8(ascii: "I"): SQLInserts.rows(bytes)
    default: ImportRows<ImportRecord>.csv(bytes)
    }
  }

  private static func objects(_ bytes: [UInt8], within nesting: String) -> [ImportRows<ImportRecord>.Entry] {
    JSONObjects.find(in: bytes, within: nesting).map { line, object in
      do throws(RowFault) {
        guard case .members(let members) = try JSONTree(object) else { throw RowFault("not an object") }
        // The lists are the samples behind the averages.
        return (line, .success(ImportRecord(members.compactMapValues(\.field))))
      } catch {
        return (line, .failure(error))
      }
    }
  }

  private static func measurement(_ row: ImportRecord, _ foreign: ForeignMeasurement) throws(RowFault)
    -> Serving.Measurement
  {
    let (prompt, output) = (try row.count("n_prompt"), try row.count("n_gen"))
    let depth = row.isGiven("n_depth") ? try row.count("n_depth") : 0
    guard prompt + output > 0 else { throw RowFault("n_prompt and n_gen are both 0: nothing was measured") }
    let milliseconds = try row.figure("avg_ns") / 1e6
    guard milliseconds > 0 else { throw RowFault("avg_ns is 0: nothing was measured") }
    // Without a prompt every token takes one step, the first like the others.
    let step = prompt == 0 ? LatencySummary.known(meanMS: milliseconds / Double(output)) : .known()
    let name = prompt > 0 && output > 0 ? "pp\(prompt)+tg\(output)" : prompt > 0 ? "pp\(prompt)" : "tg\(output)"
    let knobs = try knobs(row)
    let cacheTypes = [try row.text("type_k"), try row.text("type_v")]
    let isExact = cacheTypes.allSatisfy { ["f32", "f16", "bf16"].contains($0) }
    // The same test in another form of output is the same measurement.
    let identity = [
      try row.text("build_commit"), try row.text("test_time"), try row.text("model_filename"), name, String(depth),
      String(milliseconds), EngineConfiguration(engine: EngineName(name), knobs: knobs).fingerprint,
    ]
    return foreign.measurement(
      fingerprint: identity.joined(separator: "\u{1F}"), model: try model(row), hardware: try hardware(row),
      workload: Workload(
        name: depth > 0 ? "\(name) @ d\(depth)" : name, promptTokens: depth + prompt...depth + prompt,
        outputTokens: output...output,
        sharedPrefixShare: depth + prompt > 0 ? Double(depth) / Double(depth + prompt) : 0, requestCount: 1),
      engine: EngineName("llama-bench"),
      engineVersion: "\(try row.text("build_number")) (\(try row.text("build_commit")))", configuration: knobs,
      fidelity: isExact ? .exact : .approximate, startedAtMS: try startedAt(row),
      metrics: .foreign(
        requestCount: 1, promptTokenCount: prompt, outputTokenCount: output, wallSeconds: milliseconds / 1e3,
        itl: step, tpot: step, e2e: .known(meanMS: milliseconds)))
  }

  /// All of them, as the tool always says every one.
  private static func knobs(_ row: ImportRecord) throws(RowFault) -> [KnobName: KnobValue] {
    var knobs: [KnobName: KnobValue] = [
      .threadCount: .int(try row.count("n_threads", atLeast: 1)),
      .batchTokens: .int(try row.count("n_batch", atLeast: 1)),
      .microBatchTokens: .int(try row.count("n_ubatch", atLeast: 1)), .keyCacheType: .text(try row.key("type_k")),
      .valueCacheType: .text(try row.key("type_v")), .gpuLayers: .int(try row.integer("n_gpu_layers")),
    ]
    // -1 is left to the library; older versions write true and false.
    switch try row.text("flash_attn") {
    case "0", "false": knobs[.flashAttention] = .bool(false)
    case "1", "true": knobs[.flashAttention] = .bool(true)
    case "-1": break
    case let other: throw RowFault("flash_attn is \(other.prefix(40).debugDescription), not -1, 0 or 1")
    }
    // `0.00` is not split.
    let split = try row.text("tensor_split")
    if split.contains(where: { ("1"..."9").contains($0) }) {
      knobs[.tensorSplit] = .text(split.replacing("/", with: ","))
    }
    if row.isGiven("n_cpu_moe"), try row.count("n_cpu_moe") > 0 {
      knobs[.expertCPULayers] = .int(try row.count("n_cpu_moe"))
    }
    return knobs
  }

  /// `model_type` is the architecture, the size and the weights' type: `llama 7B Q4_K - Medium`.
  private static func model(_ row: ImportRecord) throws(RowFault) -> ModelProfile {
    let file = try row.key("model_filename")
    var model = ModelProfile.named(String(file.split(separator: "/").last ?? Substring(file)))
    let words = try row.text("model_type").split(separator: " ", maxSplits: 2)
    if words.count == 3 { (model.architecture, model.weightType) = (String(words[0]), String(words[2])) }
    model.parameterCount = try row.count("model_n_params")
    model.weightBytes = try row.count("model_size")
    return model
  }

  private static func hardware(_ row: ImportRecord) throws(RowFault) -> HardwareProfile {
    let processors = try row.text("cpu_info")
    let devices = try row.text("gpu_info").split(separator: ",").map { $0.drop { $0 == " " } }
    return .unknown(
      processors.isEmpty ? "unknown" : processors,
      accelerators: devices.map { Accelerator(name: String($0), memoryBytes: 0) })
  }

  private static func startedAt(_ row: ImportRecord) throws(RowFault) -> Int64 {
    let text = try row.text("test_time")
    guard let time = try? Date(text, strategy: .iso8601) else {
      throw RowFault("test_time is \(text.prefix(40).debugDescription), not a time such as 2026-01-31T12:00:00Z")
    }
    return Int64(time.timeIntervalSince1970 * 1000)
  }
}
