import Foundation
import History
import Serving

/// Reads a published table of LLM serving measurements (one row for each context and strategy, with TTFT, TPOT, E2E and
/// throughput) as measurements of Apus.
///
/// The table has no engine default to compare with, so each row teaches how fast a machine is and nothing of ratios.
/// A machine is so many devices of a kind; weights in another precision are another model.
enum PerformanceTable {
  static func measurements(_ path: String) throws -> [Serving.Measurement] {
    var reader = CSVReader()
    var records = reader.consume(try Data(contentsOf: URL(filePath: path)))
    if let last = reader.finish() { records.append(last) }
    var columns: [String]?
    return try records.compactMap { record -> Serving.Measurement? in
      let fields = try record.fields.get()
      guard let columns else {
        columns = fields
        return nil
      }
      return Row(Dictionary(uniqueKeysWithValues: zip(columns, fields)), line: record.line).measurement
    }
  }

  private struct Row {
    let fields: [String: String]
    let line: Int

    init(_ fields: [String: String], line: Int) {
      self.fields = fields
      self.line = line
    }

    private func number(_ column: String) -> Double? { fields[column].flatMap(Double.init) }
    private func text(_ column: String) -> String { fields[column] ?? "" }
    private func count(_ column: String) -> Int { Int(number(column) ?? 0) }

    /// Nil for a row without all it takes.
    var measurement: Serving.Measurement? {
      guard text("status") == "ok", let ttft = number("ttft_ms"), let tpot = number("tpot_ms"),
        let e2e = number("e2e_ms"), let throughput = number("throughput_tok_s"), throughput > 0,
        let concurrency = number("concurrency"), let prompt = number("prompt_tokens"),
        let output = number("output_tokens"), let devices = number("device_count"), number("tp") != nil
      else { return nil }
      let requests = Int(concurrency)
      let workload = Workload(
        name: "table", promptTokens: Int(prompt)...Int(prompt), outputTokens: Int(output)...Int(output),
        concurrency: requests, requestCount: requests)
      let tokens = requests * Int(output)
      let configuration = EngineConfiguration(
        engine: EngineName(engine),
        knobs: [
          .tensorParallel: .int(count("tp")), .dataParallel: .int(max(1, count("dp"))),
          .expertParallel: .bool(count("ep") > 1), .slotCount: .int(requests),
        ])
      return Serving.Measurement(
        id: MeasurementID("line-\(line)"), source: .imported(from: "table"), worker: WorkerName(text("hardware")),
        hardware: hardware(devices), model: model, workload: workload, configuration: configuration, fidelity: .exact,
        engineVersion: text("engine_version"), startedAtMS: Int64(line),
        outcome: .completed(
          Metrics(
            requestCount: requests, failedRequestCount: 0, promptTokenCount: requests * Int(prompt),
            outputTokenCount: tokens, wallSeconds: Double(tokens) / throughput, cpuSeconds: nil, peakMemoryBytes: nil,
            loadSeconds: 0, ttft: SyntheticHistory.latency(ttft), itl: SyntheticHistory.latency(tpot),
            tpot: SyntheticHistory.latency(tpot), e2e: SyntheticHistory.latency(max(e2e, ttft)))))
    }

    private var engine: String { text("engine") == "tensorrt-llm" ? "trtllm" : text("engine") }

    private var model: ModelProfile {
      let (all, active) = ((number("params_b") ?? 0) * 1e9, (number("active_params_b") ?? 0) * 1e9)
      let precision = text("precision")
      let bytes = ["fp4": 0.56, "fp8": 1.0][precision] ?? 2.0
      let name = "\(text("model"))|\(precision)"
      return ModelProfile(
        id: ModelID(name), name: name, architecture: "table", parameterCount: Int(all),
        activeParameterCount: Int(active), layerCount: count("n_layers"), hiddenSize: count("hidden_size"),
        headCount: count("n_heads"), keyValueHeadCount: count("n_kv_heads"), headSize: count("head_dim"),
        feedForwardSize: count("ffn_size"), expertCount: count("n_experts"), expertsPerToken: count("experts_per_tok"),
        vocabularySize: count("vocab_size"), contextLength: 1 << 17, weightType: precision,
        weightBytes: Int(all * bytes), activeWeightBytes: Int(active * bytes), vocabularyFingerprint: "table",
        variantGroup: text("model"))
    }

    private func hardware(_ devices: Double) -> HardwareProfile {
      let bytes = Int((number("hw_mem_gb") ?? 0) * 1e9)
      let device = text("hardware")
      return HardwareProfile(
        machine: MachineID("\(device) x \(Int(devices))"), processor: device, coreCount: 64, instructionSets: [],
        memoryBytes: bytes * Int(devices), memoryBandwidth: (number("hw_bw_gbs") ?? 0) * 1e9 * devices,
        gemmRate: (number("hw_bf16_tflops") ?? 0) * 1e12 * devices,
        accelerators: Array(repeating: Accelerator(name: device, memoryBytes: bytes), count: Int(devices)))
    }
  }
}
