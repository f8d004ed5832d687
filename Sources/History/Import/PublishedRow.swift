import Foundation
import Serving

/// A row of the published sets that were tidied into one form: `dataset,model,params_b,...`, a column for each variable,
/// empty where the set does not say. What its figures mean differs from set to set, and is each importer's to say.
struct PublishedRow {
  let record: ImportRecord
  private let foreign: ForeignMeasurement

  /// - Parameter metrics: What a row measured, or why it says no measurement.
  static func open(
    _ dataset: String, _ path: String, _ facts: StatedFacts,
    _ metrics: @escaping @Sendable (PublishedRow) throws(RowFault) -> (Metrics, warnings: [String])
  ) throws(ApusError) -> any ImportSource {
    let foreign = ForeignMeasurement(dataset, path: path, facts)
    return ImportRows(ImportRows<ImportRecord>.csv(try ImportFile.whole(path))) { record throws(RowFault) in
      try PublishedRow(record: record, foreign: foreign).measurement(dataset, metrics)
    }
  }

  static func recognizes(_ dataset: String, _ beginning: String) -> Bool {
    let lines = beginning.split(whereSeparator: \.isNewline).prefix(2)
    return lines.first?.hasPrefix("dataset,model,params_b,") == true && lines.last?.hasPrefix(dataset + ",") == true
  }

  var promptTokens: Double { get throws(RowFault) { try record.figure("prompt_tokens") } }
  var outputTokens: Double { get throws(RowFault) { try record.figure("output_tokens") } }
  var concurrency: Int {
    get throws(RowFault) {
      let value = try record.figure("concurrency")
      guard let count = Int(exactly: value), count >= 1 else {
        throw RowFault("concurrency is \(value), not 1 or more")
      }
      return count
    }
  }
  /// Tokens per second as the set counts them, above 0.
  var throughput: Double {
    get throws(RowFault) {
      let value = try record.figure("throughput_tok_s")
      guard value > 0 else { throw RowFault("throughput_tok_s is 0") }
      return value
    }
  }

  private func measurement(
    _ dataset: String, _ metrics: (PublishedRow) throws(RowFault) -> (Metrics, warnings: [String])
  ) throws(RowFault) -> Serving.Measurement {
    guard try record.text("dataset") == dataset else { throw RowFault("dataset is \(try record.text("dataset"))") }
    let status = try record.text("status")
    guard status == "ok" else { throw RowFault("status is \(status.prefix(40).debugDescription), not ok") }
    let (measured, doubts) = try metrics(self)
    var warnings = doubts
    let (prompt, output) = (try promptTokens, try outputTokens)
    if prompt != prompt.rounded() || output != output.rounded() { warnings.append("lengths are means, rounded") }
    return foreign.measurement(
      fingerprint: record.fingerprint, model: try model(), hardware: try hardware(),
      workload: Workload(
        name: try record.text("phase"), promptTokens: Int(prompt.rounded())...Int(prompt.rounded()),
        outputTokens: Int(output.rounded())...Int(output.rounded()), concurrency: try concurrency,
        requestCount: max(1, measured.requestCount)),
      engine: EngineName(try record.key("engine")),
      engineVersion: record.isGiven("engine_version") ? try record.text("engine_version") : nil,
      configuration: try configuration(), fidelity: .approximate, startedAtMS: try startedAt(), metrics: measured,
      warnings: warnings)
  }

  private func configuration() throws(RowFault) -> [KnobName: KnobValue] {
    let words = [try record.text("strategy"), try record.text("precision")].filter { !$0.isEmpty }
    var knobs: [KnobName: KnobValue] = [.sourceConfiguration: .text(words.joined(separator: " "))]
    for (column, knob) in [
      ("tp", KnobName.tensorParallel), ("pp", .pipelineParallel), ("dp", .dataParallel),
    ] where record.isGiven(column) {
      let size = try record.figure(column)
      guard let count = Int(exactly: size), count >= 1 else { throw RowFault("\(column) is \(size), not 1 or more") }
      knobs[knob] = .int(count)
    }
    return knobs
  }

  private func model() throws(RowFault) -> ModelProfile {
    func count(_ column: String, scale: Double = 1) throws(RowFault) -> Int {
      let value = (try record.given(column) ?? 0) * scale
      guard value < 1e18 else { throw RowFault("\(column) is \(value)") }
      return Int(value.rounded())
    }
    var model = ModelProfile.named(try record.key("model"))
    model.parameterCount = try count("params_b", scale: 1e9)
    model.activeParameterCount = try count("active_params_b", scale: 1e9)
    model.layerCount = try count("n_layers")
    model.hiddenSize = try count("hidden_size")
    model.headCount = try count("n_heads")
    model.keyValueHeadCount = try count("n_kv_heads")
    model.headSize = try count("head_dim")
    model.feedForwardSize = try count("ffn_size")
    model.expertCount = try count("n_experts")
    model.expertsPerToken = try count("experts_per_tok")
    model.vocabularySize = try count("vocab_size")
    if record.isGiven("model_bytes") { model.weightBytes = try count("model_bytes") }
    if record.isGiven("precision") { model.weightType = try record.text("precision") }
    return model
  }

  /// The accelerators are the hardware here; of the machines around them nothing is known.
  private func hardware() throws(RowFault) -> HardwareProfile {
    let name = try record.key("hardware")
    guard let devices = try record.given("device_count") else { return .unknown(name) }
    guard let count = Int(exactly: devices), (1...100_000).contains(count) else {
      throw RowFault("device_count is \(devices), not 1 or more")
    }
    let bytes = Int((try record.given("hw_mem_gb") ?? 0).rounded()) << 30
    return .unknown(
      name, accelerators: Array(repeating: Accelerator(name: name, memoryBytes: bytes), count: count))
  }

  /// Nil for a year or a month alone.
  private func startedAt() throws(RowFault) -> Int64? {
    guard record.isGiven("measured_at") else { return nil }
    let text = try record.text("measured_at")
    let time = try? Date(text.hasSuffix("Z") ? text : text + "Z", strategy: .iso8601)
    return time.map { Int64($0.timeIntervalSince1970 * 1000) }
  }
}
