import Serving

/// Reads the measurement out of one line of CSV, and says what is wrong with it.
struct MeasurementLine {
  private let record: ImportRecord
  private let file: String

  /// - Parameter header: The file's columns, in order; `fields` has as many.
  init(header: [String], fields: [String], file: String) {
    record = ImportRecord(Dictionary(zip(header, fields), uniquingKeysWith: { first, _ in first }))
    self.file = file
  }

  /// - Throws: What is wrong, naming the column and its value.
  func measurement() throws(RowFault) -> Measurement {
    let id = try record.key("id")
    let metrics = try outcomeAndMetrics()
    return Measurement(
      id: MeasurementID(id), source: .imported(from: file), worker: WorkerName(try record.key("worker")),
      hardware: try hardware(), model: try model(), workload: try workload(), configuration: try configuration(),
      fidelity: try record.word("fidelity", of: [.exact, .approximate]),
      engineVersion: try record.text("engine_version"), startedAtMS: Int64(try record.count("started_at_ms")),
      outcome: metrics, warnings: try record.json("warnings") ?? [],
      quality: try quality(),
      memoryEstimateBytes: try bytes("memory_estimate_bytes"),
      acceleratorMemoryEstimateBytes: try bytes("accelerator_memory_estimate_bytes"))
  }

  private func configuration() throws(RowFault) -> EngineConfiguration {
    let knobs: [String: KnobValue] = try record.json("knobs") ?? [:]
    return EngineConfiguration(
      engine: EngineName(try record.key("engine")), methods: try record.list("methods").map { MethodName($0) },
      knobs: Dictionary(uniqueKeysWithValues: knobs.map { (KnobName($0.key), $0.value) }))
  }

  private func hardware() throws(RowFault) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID(try record.key("machine")), processor: try record.text("processor"),
      coreCount: try coreCount(), instructionSets: try record.list("instruction_sets"),
      memoryBytes: try record.count("memory_bytes"),
      memoryBandwidth: try record.figure("memory_bandwidth_bytes_per_second"),
      gemmRate: try record.figure("gemm_rate_flops"), accelerators: try record.json("accelerators") ?? [])
  }

  /// Of hardware that is none of ours the count may be unknown, which is 0.
  private func coreCount() throws(RowFault) -> Int {
    try record.count(
      "core_count", atLeast: record.text("processor").hasPrefix(HistoryImport.hardwareMark) ? 0 : 1)
  }

  private func model() throws(RowFault) -> ModelProfile {
    let id = try record.key("model_id")
    let isDigest = id.utf8.count == 64 && id.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    guard isDigest || ModelID(id).isName else {
      throw RowFault("model_id is \(id.prefix(80).debugDescription), not the 64 lower-case digits of a SHA-256")
    }
    return ModelProfile(
      id: ModelID(id), name: try record.text("model_name"), architecture: try record.text("architecture"),
      parameterCount: try record.count("parameter_count"),
      activeParameterCount: try record.count("active_parameter_count"), layerCount: try record.count("layer_count"),
      hiddenSize: try record.count("hidden_size"), headCount: try record.count("head_count"),
      keyValueHeadCount: try record.count("key_value_head_count"), headSize: try record.count("head_size"),
      feedForwardSize: try record.count("feed_forward_size"), expertCount: try record.count("expert_count"),
      expertsPerToken: try record.count("experts_per_token"), vocabularySize: try record.count("vocabulary_size"),
      contextLength: try record.count("context_length_tokens"), weightType: try record.text("weight_type"),
      weightBytes: try record.count("weight_bytes"), activeWeightBytes: try record.count("active_weight_bytes"),
      vocabularyFingerprint: try record.text("vocabulary_fingerprint"), variantGroup: try record.text("variant_group"),
      format: record.isGiven("model_format") ? try record.word("model_format", of: ModelFormat.allCases) : .gguf,
      mtpLayerCount: record.isGiven("model_mtp_layer_count") ? try record.count("model_mtp_layer_count") : 0,
      eagleVersion: record.isGiven("model_eagle_version") ? try record.count("model_eagle_version") : 0)
  }

  private func workload() throws(RowFault) -> Workload {
    Workload(
      name: try record.text("workload_name"), promptTokens: try record.range("prompt_tokens"),
      outputTokens: try record.range("output_tokens"), concurrency: try record.count("concurrency", atLeast: 1),
      arrivalRate: try record.text("arrival_rate_per_second").isEmpty ? nil : record.figure("arrival_rate_per_second"),
      sharedPrefixShare: try record.share("shared_prefix_share"), repetitiveness: try record.share("repetitiveness"),
      requestCount: try record.count("block_request_count", atLeast: 1))
  }

  private func outcomeAndMetrics() throws(RowFault) -> Outcome {
    switch try record.text("outcome") {
    case "completed": return .completed(try metrics())
    case "out_of_memory": return .outOfMemory(detail: try record.text("failure_detail"))
    case "timed_out": return .timedOut(afterSeconds: try record.figure("timed_out_after_seconds"))
    case "engine_failed":
      return .engineFailed(reason: try record.text("failure_detail"), lastLines: try record.text("failure_last_lines"))
    case "lost_worker": return .lostWorker
    case "cancelled": return .cancelled
    case let other:
      throw RowFault(
        """
        outcome is \(other.prefix(40).debugDescription), not one of completed, out_of_memory, timed_out, engine_failed, \
        lost_worker, cancelled
        """)
    }
  }

  private func metrics() throws(RowFault) -> Metrics {
    Metrics(
      requestCount: try record.count("request_count"), failedRequestCount: try record.count("failed_request_count"),
      promptTokenCount: try record.count("prompt_token_count"),
      outputTokenCount: try record.count("output_token_count"),
      wallSeconds: try record.figure("wall_seconds"),
      cpuSeconds: try record.known("cpu_seconds") ? record.figure("cpu_seconds") : nil,
      peakMemoryBytes: try record.known("peak_memory_bytes") ? record.count("peak_memory_bytes") : nil,
      loadSeconds: try record.optionalFigure("load_seconds") ?? .nan,
      ttft: try latency("ttft"), itl: try latency("itl"), tpot: try latency("tpot"), e2e: try latency("e2e"),
      acceptanceRate: try record.text("acceptance_rate").isEmpty ? nil : record.share("acceptance_rate"),
      energyJoules: try record.isGiven("energy_joules") ? record.figure("energy_joules") : nil,
      acceleratorMemoryBytes: try bytes("accelerator_memory_bytes"))
  }

  /// Nil where the column is empty, or not there.
  private func bytes(_ column: String) throws(RowFault) -> Int? {
    try record.isGiven(column) ? record.count(column) : nil
  }

  /// Nil where the count of positions is empty, or in a file without it.
  private func quality() throws(RowFault) -> QualityLoss? {
    guard record.isGiven("quality_position_count") else { return nil }
    let positionCount = try record.count("quality_position_count", atLeast: 1)
    let mismatchCount = try record.count("quality_decisive_mismatch_count")
    guard mismatchCount <= positionCount else {
      throw RowFault("quality_decisive_mismatch_count is \(mismatchCount), more than the \(positionCount) positions")
    }
    return QualityLoss(
      positionCount: positionCount, topAgreement: try record.share("quality_top_agreement"),
      decisiveMismatchCount: mismatchCount,
      divergence: try record.optionalFigure("quality_divergence_nats_per_token"),
      perplexity: try record.optionalFigure("quality_perplexity"),
      referencePerplexity: try record.optionalFigure("quality_reference_perplexity"),
      probeVersion: try record.count("quality_probe_version"))
  }

  /// A figure that its source did not say is empty.
  private func latency(_ name: String) throws(RowFault) -> LatencySummary {
    let summary = LatencySummary(
      meanMS: try record.optionalFigure("\(name)_mean_ms") ?? .nan,
      p50MS: try record.optionalFigure("\(name)_p50_ms") ?? .nan,
      p90MS: try record.optionalFigure("\(name)_p90_ms") ?? .nan,
      p99MS: try record.optionalFigure("\(name)_p99_ms") ?? .nan)
    let known = [summary.p50MS, summary.p90MS, summary.p99MS].filter { !$0.isNaN }
    // Interpolated percentiles of equal figures may differ in their last digits.
    let slack = 1 + 1e-9
    guard zip(known, known.dropFirst()).allSatisfy({ $0 <= $1 * slack }) else {
      throw RowFault("\(name)_p50_ms, \(name)_p90_ms and \(name)_p99_ms do not ascend")
    }
    return summary
  }
}
