import Serving

/// The tidy CSV that the history imports and exports: one line for each measurement, as Schemas/measurement.csv.md
/// describes it. Raw samples are left out.
public enum MeasurementCSV {
  /// One column of the file.
  struct Column: Sendable {
    var name: String
    /// Whether an imported file must have it. The others say where a measurement came from, or repeat others.
    var isRequired: Bool
    /// The measurement's value as text; empty for none.
    var text: @Sendable (Measurement) -> String
  }

  /// All columns, in the order exported.
  static let columns: [Column] =
    provenanceColumns + configurationColumns + hardwareColumns + modelColumns + workloadColumns + outcomeColumns
    + QualityColumns.all

  private static func required(
    _ name: String, _ text: @escaping @Sendable (Measurement) -> String
  ) -> Column {
    Column(name: name, isRequired: true, text: text)
  }

  private static func extra(_ name: String, _ text: @escaping @Sendable (Measurement) -> String) -> Column {
    Column(name: name, isRequired: false, text: text)
  }

  private static var provenanceColumns: [Column] {
    [
      required("id") { $0.id.rawValue },
      extra("source") { $0.source.kind },
      extra("trial_id") { $0.source.trial?.rawValue ?? "" },
      extra("benchmark_id") { $0.source.benchmark?.rawValue ?? "" },
      extra("purpose") { $0.source.purpose?.rawValue ?? "" },
      extra("round") { if case .trial(_, _, _, let round) = $0.source { String(round) } else { "" } },
      extra("job_id") { if case .job(let job) = $0.source { job.rawValue } else { "" } },
      extra("imported_from") { if case .imported(let file) = $0.source { file } else { "" } },
      required("worker") { $0.worker.rawValue },
      required("started_at_ms") { String($0.startedAtMS) },
    ]
  }

  private static var configurationColumns: [Column] {
    [
      required("engine") { $0.configuration.engine.rawValue },
      required("engine_version") { $0.engineVersion },
      required("methods") { $0.configuration.methods.map(\.rawValue).joined(separator: ";") },
      required("knobs") { measurement in
        StoredJSON.text(
          Dictionary(uniqueKeysWithValues: measurement.configuration.knobs.map { ($0.key.rawValue, $0.value) }))
      },
      required("fidelity") { $0.fidelity.rawValue },
      extra("configuration_fingerprint") { $0.configuration.fingerprint },
    ]
  }

  private static var hardwareColumns: [Column] {
    [
      required("machine") { $0.hardware.machine.rawValue },
      required("processor") { $0.hardware.processor },
      required("core_count") { String($0.hardware.coreCount) },
      required("instruction_sets") { $0.hardware.instructionSets.joined(separator: ";") },
      required("memory_bytes") { String($0.hardware.memoryBytes) },
      required("memory_bandwidth_bytes_per_second") { $0.hardware.memoryBandwidth.csv },
      required("gemm_rate_flops") { $0.hardware.gemmRate.csv },
      required("accelerators") { StoredJSON.text($0.hardware.accelerators) },
      extra("hardware_fingerprint") { $0.hardware.fingerprint },
    ]
  }

  private static var modelColumns: [Column] {
    [
      required("model_id") { $0.model.id.rawValue },
      required("model_name") { $0.model.name },
      required("architecture") { $0.model.architecture },
      required("parameter_count") { String($0.model.parameterCount) },
      required("active_parameter_count") { String($0.model.activeParameterCount) },
      required("layer_count") { String($0.model.layerCount) },
      required("hidden_size") { String($0.model.hiddenSize) },
      required("head_count") { String($0.model.headCount) },
      required("key_value_head_count") { String($0.model.keyValueHeadCount) },
      required("head_size") { String($0.model.headSize) },
      required("feed_forward_size") { String($0.model.feedForwardSize) },
      required("expert_count") { String($0.model.expertCount) },
      required("experts_per_token") { String($0.model.expertsPerToken) },
      required("vocabulary_size") { String($0.model.vocabularySize) },
      required("context_length_tokens") { String($0.model.contextLength) },
      required("weight_type") { $0.model.weightType },
      required("weight_bytes") { String($0.model.weightBytes) },
      required("active_weight_bytes") { String($0.model.activeWeightBytes) },
      required("vocabulary_fingerprint") { $0.model.vocabularyFingerprint },
      required("variant_group") { $0.model.variantGroup },
      extra("model_format") { $0.model.format.rawValue },
      extra("model_mtp_layer_count") { String($0.model.mtpLayerCount) },
      extra("model_eagle_version") { String($0.model.eagleVersion) },
    ]
  }

  private static var workloadColumns: [Column] {
    [
      required("workload_name") { $0.workload.name },
      required("prompt_tokens_min") { String($0.workload.promptTokens.lowerBound) },
      required("prompt_tokens_max") { String($0.workload.promptTokens.upperBound) },
      required("output_tokens_min") { String($0.workload.outputTokens.lowerBound) },
      required("output_tokens_max") { String($0.workload.outputTokens.upperBound) },
      required("concurrency") { String($0.workload.concurrency) },
      required("arrival_rate_per_second") { $0.workload.arrivalRate?.csv ?? "" },
      required("shared_prefix_share") { $0.workload.sharedPrefixShare.csv },
      required("repetitiveness") { $0.workload.repetitiveness.csv },
      required("block_request_count") { String($0.workload.requestCount) },
      extra("workload_shape") { $0.workload.shape },
    ]
  }

  private static var outcomeColumns: [Column] {
    [
      required("outcome") { $0.outcome.kind },
      required("timed_out_after_seconds") {
        if case .timedOut(let seconds) = $0.outcome { seconds.csv } else { "" }
      },
      required("failure_detail") { $0.outcome.failure?.detail ?? "" },
      required("failure_last_lines") { $0.outcome.failure?.lastLines ?? "" },
      metric("request_count") { String($0.requestCount) },
      metric("failed_request_count") { String($0.failedRequestCount) },
      metric("prompt_token_count") { String($0.promptTokenCount) },
      metric("output_token_count") { String($0.outputTokenCount) },
      metric("wall_seconds") { $0.wallSeconds.csv },
      metric("cpu_seconds") { $0.cpuSeconds?.csv ?? "" },
      metric("peak_memory_bytes") { $0.peakMemoryBytes.map { String($0) } ?? "" },
      metric("load_seconds") { $0.loadSeconds.csv },
    ] + latency("ttft") { $0.ttft } + latency("itl") { $0.itl } + latency("tpot") { $0.tpot }
      + latency("e2e") { $0.e2e } + [
        metric("acceptance_rate") { $0.acceptanceRate?.csv ?? "" },
        required("warnings") { $0.warnings.isEmpty ? "" : StoredJSON.text($0.warnings) },
        later("energy_joules") { $0.outcome.metrics?.energyJoules?.csv ?? "" },
        later("memory_estimate_bytes") { $0.memoryEstimateBytes.map { String($0) } ?? "" },
        later("accelerator_memory_bytes") {
          $0.outcome.metrics?.acceleratorMemoryBytes.map { String($0) } ?? ""
        },
        later("accelerator_memory_estimate_bytes") { $0.acceleratorMemoryEstimateBytes.map { String($0) } ?? "" },
      ]
  }

  /// A column that an import reads where it is there: it came after the format.
  private static func later(_ name: String, _ text: @escaping @Sendable (Measurement) -> String) -> Column {
    Column(name: name, isRequired: false, text: text)
  }

  /// A figure that only completed measurements have.
  private static func metric(_ name: String, _ text: @escaping @Sendable (Metrics) -> String) -> Column {
    required(name) { $0.outcome.metrics.map(text) ?? "" }
  }

  private static func latency(
    _ name: String, _ summary: @escaping @Sendable (Metrics) -> LatencySummary
  ) -> [Column] {
    [
      metric("\(name)_mean_ms") { summary($0).meanMS.csv }, metric("\(name)_p50_ms") { summary($0).p50MS.csv },
      metric("\(name)_p90_ms") { summary($0).p90MS.csv }, metric("\(name)_p99_ms") { summary($0).p99MS.csv },
    ]
  }
}

extension Double {
  /// The shortest text that reads back as the same number; empty for one that is not defined.
  var csv: String { isNaN ? "" : description }
}

extension MeasurementSource {
  fileprivate var kind: String {
    switch self {
    case .trial: "trial"
    case .job: "job"
    case .imported: "imported"
    }
  }

  fileprivate var trial: TrialID? { if case .trial(let trial, _, _, _) = self { trial } else { nil } }
  fileprivate var benchmark: BenchmarkID? { if case .trial(_, let benchmark, _, _) = self { benchmark } else { nil } }
}

extension Outcome {
  fileprivate var failure: (detail: String, lastLines: String)? {
    switch self {
    case .outOfMemory(let detail): (detail, "")
    case .engineFailed(let reason, let lastLines): (reason, lastLines)
    case .completed, .timedOut, .lostWorker, .cancelled: nil
    }
  }
}
