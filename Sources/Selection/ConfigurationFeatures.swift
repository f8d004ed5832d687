import Glibc
import Serving

/// What one candidate adds to its context.
struct ConfigurationInput {
  let workload: Workload
  let hardware: HardwareProfile
  let asked: ModelProfile
  let baseline: CostEstimate
  var estimate: CostEstimate
  var engine: EngineName
}

/// Columns that describe a configuration, absolutely and against the engine's default.
enum ConfigurationFeatures {
  static let columns: [FeatureColumn<ConfigurationInput>] = engines + knobs + devices + roofline

  /// An engine that is not here has zeros: the trees then know only what holds for all.
  private static let engines: [FeatureColumn<ConfigurationInput>] = [
    "llamacpp", "llamacpp-native", "vllm", "sglang", "trtllm",
  ]
  .map { name in
    FeatureColumn("engine_\(name.replacing("-", with: "_"))") { $0.engine.rawValue == name ? 1 : 0 }
  }

  private static let knobs: [FeatureColumn<ConfigurationInput>] = [
    FeatureColumn("slots") { Double($0.estimate.settings.slotCount) },
    FeatureColumn("slots_per_stream") {
      Double($0.estimate.settings.slotCount) / Double(max(1, $0.workload.concurrency))
    },
    FeatureColumn("prefix_caching") { $0.estimate.settings.isPrefixCaching ? 1 : 0 },
    FeatureColumn("micro_batch_tokens") { Double($0.estimate.settings.microBatchTokens) },
    FeatureColumn("key_element_bytes") { $0.estimate.settings.keyElementBytes },
    FeatureColumn("value_element_bytes") { $0.estimate.settings.valueElementBytes },
    FeatureColumn("weight_bytes_share") {
      $0.estimate.isComplete
        ? Double($0.estimate.weightBytes) / max(1, Double($0.asked.weightBytes)) : .nan
    },
    FeatureColumn("draft_model") { $0.estimate.settings.speculation == .draftModel ? 1 : 0 },
    FeatureColumn("ngram") { $0.estimate.settings.speculation == .ngram ? 1 : 0 },
    FeatureColumn("ngram_map") { $0.estimate.settings.speculation == .ngramMap ? 1 : 0 },
    FeatureColumn("ngram_cache") { $0.estimate.settings.speculation == .ngramCache ? 1 : 0 },
    FeatureColumn("eagle") { $0.estimate.settings.speculation == .eagle ? 1 : 0 },
    FeatureColumn("mtp") { $0.estimate.settings.speculation == .mtp ? 1 : 0 },
    FeatureColumn("draft_min_probability") { $0.estimate.settings.draftMinProbability },
    FeatureColumn("draft_tokens") { Double($0.estimate.settings.draftTokens) },
    FeatureColumn("draft_bytes_share") { input in
      guard input.estimate.settings.speculation == .draftModel else { return 0 }
      return input.estimate.draftActiveWeightBytes.map {
        Double($0) / max(1, Double(input.asked.activeWeightBytes))
      } ?? .nan
    },
    FeatureColumn("ngram_size") { Double($0.estimate.settings.ngramSize) },
    FeatureColumn("flash_attention") {
      $0.estimate.settings.flashAttention.map { $0 ? 1 : 0 } ?? .nan
    },
    FeatureColumn("threads_per_core") {
      Double($0.estimate.settings.threadCount) / Double(max(1, $0.hardware.coreCount))
    },
    FeatureColumn("batch_threads_per_core") {
      Double($0.estimate.settings.batchThreadCount) / Double(max(1, $0.hardware.coreCount))
    },
    FeatureColumn("host_cache_log_mib") {
      $0.estimate.settings.hostCacheMiB.map { log(1 + Double($0)) } ?? .nan
    },
    FeatureColumn("build_bits") { Double($0.estimate.settings.buildBits) },
  ]

  private static let devices: [FeatureColumn<ConfigurationInput>] = [
    FeatureColumn("accelerator_share") { $0.estimate.acceleratorShare },
    FeatureColumn("gpu_layers_share") { input in
      input.estimate.settings.gpuLayers.map { min(1, Double($0) / Double(max(1, input.asked.layerCount + 1))) } ?? .nan
    },
    FeatureColumn("expert_cpu_layers_share") {
      Double($0.estimate.settings.expertCPULayers) / Double(max(1, $0.asked.layerCount))
    },
    FeatureColumn("tensor_parallel") { Double($0.estimate.settings.tensorParallel) },
    FeatureColumn("pipeline_parallel") { Double($0.estimate.settings.pipelineParallel) },
    FeatureColumn("data_parallel") { Double($0.estimate.settings.dataParallel) },
    FeatureColumn("expert_parallel") { $0.estimate.settings.isExpertParallel ? 1 : 0 },
    FeatureColumn("graph_capture") { $0.estimate.settings.graphCapture.map { $0 ? 1 : 0 } ?? .nan },
  ]

  private static let roofline: [FeatureColumn<ConfigurationInput>] =
    CostMetric.allCases.map { metric in
      FeatureColumn("roofline_log_ratio_\(metric.name)") {
        $0.estimate.logCost(metric) - $0.baseline.logCost(metric)
      }
    } + [
      FeatureColumn("tokens_per_step") { $0.estimate.tokensPerStep },
      FeatureColumn("cached_share") { $0.estimate.cachedShare },
    ]
}
