import Glibc
import Serving

/// One column of the table the trees learn from: its name and how its value is found.
struct FeatureColumn<Input>: Sendable {
  let name: String
  let value: @Sendable (Input) -> Double

  init(_ name: String, _ value: @escaping @Sendable (Input) -> Double) {
    self.name = name
    self.value = value
  }
}

/// What all candidates of a set have in common.
struct ContextInput {
  let model: ModelProfile
  let hardware: HardwareProfile
  let workload: Workload
  /// Of the engine's default configuration.
  let baseline: CostEstimate
}

/// Columns that describe model, hardware and workload, and what the roofline says of the engine's default there.
///
/// Sizes go in as logarithms: trees do not need them, but the distances in `NearestNeighboursSelector` do.
enum ContextFeatures {
  static let columns: [FeatureColumn<ContextInput>] = model + hardware + workload + roofline

  private static let model: [FeatureColumn<ContextInput>] = [
    FeatureColumn("model_log_parameters") { log(max(1, Double($0.model.parameterCount))) },
    FeatureColumn("model_log_active_parameters") {
      log(max(1, Double($0.model.activeParameterCount)))
    },
    FeatureColumn("model_bits_per_weight") {
      8 * Double($0.model.weightBytes) / max(1, Double($0.model.parameterCount))
    },
    FeatureColumn("model_layers") { Double($0.model.layerCount) },
    FeatureColumn("model_hidden_size") { Double($0.model.hiddenSize) },
    FeatureColumn("model_heads_per_cached_head") {
      Double($0.model.headCount) / max(1, Double($0.model.keyValueHeadCount))
    },
    FeatureColumn("model_experts") { Double($0.model.expertCount) },
    FeatureColumn("model_experts_per_token") { Double($0.model.expertsPerToken) },
    FeatureColumn("model_vocabulary_share") {
      Double($0.model.vocabularySize) * Double($0.model.hiddenSize)
        / max(1, Double($0.model.activeParameterCount))
    },
  ]

  private static let hardware: [FeatureColumn<ContextInput>] = [
    FeatureColumn("hardware_cores") { Double($0.hardware.coreCount) },
    FeatureColumn("hardware_log_flops") { log(max(1, $0.hardware.gemmRate)) },
    FeatureColumn("hardware_flops_per_byte") {
      $0.hardware.gemmRate / max(1, $0.hardware.memoryBandwidth)
    },
    FeatureColumn("hardware_avx512") { $0.hardware.instructionSets.contains("avx512f") ? 1 : 0 },
    FeatureColumn("hardware_vnni") {
      $0.hardware.instructionSets.contains { $0.hasSuffix("vnni") } ? 1 : 0
    },
    FeatureColumn("hardware_amx") {
      $0.hardware.instructionSets.contains { $0.hasPrefix("amx") } ? 1 : 0
    },
    FeatureColumn("hardware_accelerators") { Double($0.hardware.accelerators.count) },
    FeatureColumn("hardware_log_accelerator_bytes") {
      log(1 + $0.hardware.accelerators.reduce(0) { $0 + Double($1.memoryBytes) })
    },
    FeatureColumn("hardware_log_accelerator_flops") {
      log(1 + $0.hardware.accelerators.reduce(0) { $0 + $1.gemmRate })
    },
    FeatureColumn("hardware_log_accelerator_bandwidth") {
      log(1 + $0.hardware.accelerators.reduce(0) { $0 + $1.memoryBandwidth })
    },
  ]

  private static let workload: [FeatureColumn<ContextInput>] = [
    FeatureColumn("workload_log_prompt_tokens") { log(max(1, $0.workload.meanPromptTokens)) },
    FeatureColumn("workload_log_output_tokens") { log(max(1, $0.workload.meanOutputTokens)) },
    FeatureColumn("workload_output_spread") {
      Double($0.workload.outputTokens.upperBound - $0.workload.outputTokens.lowerBound)
        / max(1, $0.workload.meanOutputTokens)
    },
    FeatureColumn("workload_concurrency") { Double($0.workload.concurrency) },
    FeatureColumn("workload_log_arrival_rate") {
      $0.workload.arrivalRate.map { log(max(1e-6, $0)) } ?? .nan
    },
    FeatureColumn("workload_shared_prefix_share") { $0.workload.sharedPrefixShare },
    FeatureColumn("workload_repetitiveness") { $0.workload.repetitiveness },
  ]

  private static let roofline: [FeatureColumn<ContextInput>] = [
    FeatureColumn("baseline_log_prefill_s") { log($0.baseline.prefillSeconds) },
    FeatureColumn("baseline_log_step_s") { log($0.baseline.stepSeconds) },
    FeatureColumn("baseline_prefill_share") { $0.baseline.ttftMS / $0.baseline.e2eMS },
    FeatureColumn("baseline_log_memory_bytes") { log($0.baseline.memoryBytes) },
  ]
}
