import Serving

/// Reads the measurement out of one line of CSV, and says what is wrong with it.
struct MeasurementLine {
  /// Values by column.
  private let values: [String: String]
  private let file: String

  /// - Parameter header: The file's columns, in order; `fields` has as many.
  init(header: [String], fields: [String], file: String) {
    values = Dictionary(zip(header, fields), uniquingKeysWith: { first, _ in first })
    self.file = file
  }

  /// - Throws: What is wrong, naming the column and its value.
  func measurement() throws(CSVFault) -> Measurement {
    let id = try key("id")
    let metrics = try outcomeAndMetrics()
    return Measurement(
      id: MeasurementID(id), source: .imported(from: file), worker: WorkerName(try key("worker")),
      hardware: try hardware(), model: try model(), workload: try workload(), configuration: try configuration(),
      fidelity: try word("fidelity", of: [.exact, .approximate]), engineVersion: try text("engine_version"),
      startedAtMS: Int64(try count("started_at_ms")), outcome: metrics, warnings: try json("warnings") ?? [],
      quality: try quality(),
      memoryEstimateBytes: try isGiven("memory_estimate_bytes") ? count("memory_estimate_bytes") : nil)
  }

  private func configuration() throws(CSVFault) -> EngineConfiguration {
    let knobs: [String: KnobValue] = try json("knobs") ?? [:]
    return EngineConfiguration(
      engine: EngineName(try key("engine")), methods: try list("methods").map { MethodName($0) },
      knobs: Dictionary(uniqueKeysWithValues: knobs.map { (KnobName($0.key), $0.value) }))
  }

  private func hardware() throws(CSVFault) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID(try key("machine")), processor: try text("processor"),
      coreCount: try count("core_count", atLeast: 1), instructionSets: try list("instruction_sets"),
      memoryBytes: try count("memory_bytes"), memoryBandwidth: try figure("memory_bandwidth_bytes_per_second"),
      gemmRate: try figure("gemm_rate_flops"), accelerators: try json("accelerators") ?? [])
  }

  private func model() throws(CSVFault) -> ModelProfile {
    let id = try text("model_id")
    guard id.utf8.count == 64, id.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      throw CSVFault("model_id is \(id.prefix(80).debugDescription), not the 64 lower-case digits of a SHA-256")
    }
    return ModelProfile(
      id: ModelID(id), name: try text("model_name"), architecture: try text("architecture"),
      parameterCount: try count("parameter_count"), activeParameterCount: try count("active_parameter_count"),
      layerCount: try count("layer_count"), hiddenSize: try count("hidden_size"), headCount: try count("head_count"),
      keyValueHeadCount: try count("key_value_head_count"), headSize: try count("head_size"),
      feedForwardSize: try count("feed_forward_size"), expertCount: try count("expert_count"),
      expertsPerToken: try count("experts_per_token"), vocabularySize: try count("vocabulary_size"),
      contextLength: try count("context_length_tokens"), weightType: try text("weight_type"),
      weightBytes: try count("weight_bytes"), activeWeightBytes: try count("active_weight_bytes"),
      vocabularyFingerprint: try text("vocabulary_fingerprint"), variantGroup: try text("variant_group"),
      format: values["model_format"].map { $0.isEmpty } ?? true
        ? .gguf : try word("model_format", of: ModelFormat.allCases),
      mtpLayerCount: isGiven("model_mtp_layer_count") ? try count("model_mtp_layer_count") : 0,
      eagleVersion: isGiven("model_eagle_version") ? try count("model_eagle_version") : 0)
  }

  private func workload() throws(CSVFault) -> Workload {
    Workload(
      name: try text("workload_name"), promptTokens: try range("prompt_tokens"),
      outputTokens: try range("output_tokens"), concurrency: try count("concurrency", atLeast: 1),
      arrivalRate: try text("arrival_rate_per_second").isEmpty ? nil : figure("arrival_rate_per_second"),
      sharedPrefixShare: try share("shared_prefix_share"), repetitiveness: try share("repetitiveness"),
      requestCount: try count("block_request_count", atLeast: 1))
  }

  private func outcomeAndMetrics() throws(CSVFault) -> Outcome {
    switch try text("outcome") {
    case "completed": return .completed(try metrics())
    case "out_of_memory": return .outOfMemory(detail: try text("failure_detail"))
    case "timed_out": return .timedOut(afterSeconds: try figure("timed_out_after_seconds"))
    case "engine_failed":
      return .engineFailed(reason: try text("failure_detail"), lastLines: try text("failure_last_lines"))
    case "lost_worker": return .lostWorker
    case "cancelled": return .cancelled
    case let other:
      throw CSVFault(
        """
        outcome is \(other.prefix(40).debugDescription), not one of completed, out_of_memory, timed_out, engine_failed, \
        lost_worker, cancelled
        """)
    }
  }

  private func metrics() throws(CSVFault) -> Metrics {
    Metrics(
      requestCount: try count("request_count"), failedRequestCount: try count("failed_request_count"),
      promptTokenCount: try count("prompt_token_count"), outputTokenCount: try count("output_token_count"),
      wallSeconds: try figure("wall_seconds"), cpuSeconds: try known("cpu_seconds") ? figure("cpu_seconds") : nil,
      peakMemoryBytes: try known("peak_memory_bytes") ? count("peak_memory_bytes") : nil,
      loadSeconds: try figure("load_seconds"),
      ttft: try latency("ttft"), itl: try latency("itl"), tpot: try latency("tpot"), e2e: try latency("e2e"),
      acceptanceRate: try text("acceptance_rate").isEmpty ? nil : share("acceptance_rate"),
      energyJoules: try isGiven("energy_joules") ? figure("energy_joules") : nil)
  }

  /// Nil where the count of positions is empty, or in a file without it.
  private func quality() throws(CSVFault) -> QualityLoss? {
    guard isGiven("quality_position_count") else { return nil }
    let positionCount = try count("quality_position_count", atLeast: 1)
    let mismatchCount = try count("quality_decisive_mismatch_count")
    guard mismatchCount <= positionCount else {
      throw CSVFault("quality_decisive_mismatch_count is \(mismatchCount), more than the \(positionCount) positions")
    }
    return QualityLoss(
      positionCount: positionCount, topAgreement: try share("quality_top_agreement"),
      decisiveMismatchCount: mismatchCount,
      divergence: try optionalFigure("quality_divergence_nats_per_token"),
      perplexity: try optionalFigure("quality_perplexity"),
      referencePerplexity: try optionalFigure("quality_reference_perplexity"),
      probeVersion: try count("quality_probe_version"))
  }

  private func latency(_ name: String) throws(CSVFault) -> LatencySummary {
    let summary = LatencySummary(
      meanMS: try figure("\(name)_mean_ms"), p50MS: try figure("\(name)_p50_ms"),
      p90MS: try figure("\(name)_p90_ms"), p99MS: try figure("\(name)_p99_ms"))
    // Interpolated percentiles of equal figures may differ in their last digits.
    let slack = 1 + 1e-9
    guard summary.p50MS <= summary.p90MS * slack, summary.p90MS <= summary.p99MS * slack else {
      throw CSVFault("\(name)_p50_ms, \(name)_p90_ms and \(name)_p99_ms do not ascend")
    }
    return summary
  }
}

extension MeasurementLine {
  private func text(_ column: String) throws(CSVFault) -> String {
    guard let value = values[column] else { throw CSVFault("\(column) is missing") }
    return value
  }

  private func known(_ column: String) throws(CSVFault) -> Bool { try !text(column).isEmpty }

  /// Whether a column that may be left out has a value here.
  private func isGiven(_ column: String) -> Bool { values[column].map { !$0.isEmpty } ?? false }

  private func wrong(_ column: String, _ value: String, _ expected: String) -> CSVFault {
    CSVFault(
      value.isEmpty ? "\(column) is empty" : "\(column) is \(value.prefix(40).debugDescription), not \(expected)")
  }

  /// A name that other rows refer to.
  private func key(_ column: String) throws(CSVFault) -> String {
    let value = try text(column)
    guard !value.isEmpty, value.utf8.count <= RecordRules.keyLengthLimit, value.utf8.allSatisfy({ $0 >= 32 }) else {
      throw wrong(column, value, "a name of at most \(RecordRules.keyLengthLimit) bytes")
    }
    return value
  }

  private func count(_ column: String, atLeast minimum: Int = 0) throws(CSVFault) -> Int {
    let value = try text(column)
    guard let count = Int(value), count >= minimum else {
      throw wrong(column, value, "a whole number of at least \(minimum)")
    }
    return count
  }

  private func figure(_ column: String) throws(CSVFault) -> Double {
    let value = try text(column)
    guard let figure = Double(value), figure >= 0, figure.isFinite else {
      throw wrong(column, value, "a number of at least 0")
    }
    return figure
  }

  /// Nil for an empty field.
  private func optionalFigure(_ column: String) throws(CSVFault) -> Double? {
    try text(column).isEmpty ? nil : figure(column)
  }

  private func share(_ column: String) throws(CSVFault) -> Double {
    let share = try figure(column)
    guard share <= 1 else { throw wrong(column, try text(column), "a share from 0 to 1") }
    return share
  }

  private func range(_ name: String) throws(CSVFault) -> ClosedRange<Int> {
    let (low, high) = (try count("\(name)_min", atLeast: 1), try count("\(name)_max", atLeast: 1))
    guard low <= high else { throw CSVFault("\(name)_min is \(low), more than \(name)_max, which is \(high)") }
    return low...high
  }

  private func word<Word: RawRepresentable<String>>(_ column: String, of words: [Word]) throws(CSVFault) -> Word {
    let value = try text(column)
    guard let word = Word(rawValue: value) else {
      throw wrong(column, value, "one of \(words.map(\.rawValue).joined(separator: ", "))")
    }
    return word
  }

  private func list(_ column: String) throws(CSVFault) -> [String] {
    try text(column).split(separator: ";").map(String.init)
  }

  /// Nil for an empty field.
  private func json<Value: Decodable>(_ column: String) throws(CSVFault) -> Value? {
    let value = try text(column)
    guard !value.isEmpty else { return nil }
    do {
      return try StoredJSON.value(Value.self, value)
    } catch {
      throw wrong(column, value, "the JSON that Schemas/measurement.csv.md describes")
    }
  }
}
