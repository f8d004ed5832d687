/// One setting of llama.cpp's server with its two spellings: the field of `CommonParams` in the Python package, and
/// the option of the program `llama-server` (common/arg.cpp).
enum LlamaCppOption: String, CaseIterable, Sendable {
  case model = "model.path"
  case threads = "cpuparams.n_threads"
  case batchThreads = "cpuparams_batch.n_threads"
  case slots = "n_parallel"
  case context = "n_ctx"
  case batch = "n_batch"
  case microBatch = "n_ubatch"
  case keepsPrefix = "cache_prompt"
  case hostCacheMiB = "cache_ram_mib"
  case keyType = "cache_type_k"
  case valueType = "cache_type_v"
  case flashAttention = "flash_attn_type"
  case slotDirectory = "slot_save_path"
  case speculation = "speculative.types"
  case draftModel = "speculative.draft.mparams.path"
  case draftTokens = "speculative.draft.n_max"
  case draftMinProbability = "speculative.draft.p_min"
  case draftThreads = "speculative.draft.cpuparams.n_threads"
  case draftBatchThreads = "speculative.draft.cpuparams_batch.n_threads"
  case ngramSize = "speculative.ngram_simple.size_n"
  case ngramTokens = "speculative.ngram_simple.size_m"
  case ngramMapSize = "speculative.ngram_map_k.size_n"
  case ngramMapTokens = "speculative.ngram_map_k.size_m"
  case gpuLayers = "n_gpu_layers"
  case tensorSplit = "tensor_split"
  case tensorOverrides = "tensor_buft_overrides"
  /// The program's own words for `tensor_buft_overrides` of the first layers; no field of the package.
  case expertCPULayers = "n_cpu_moe"
  /// No field of the package, which is built without it.
  case rpcServers = "rpc_servers"
  /// Where the package's server listens; it chooses a port of its own where nothing is said.
  case hosts = "hostnames"
  case port = "port"
  /// Counters in Prometheus' format at `/metrics`; off where nothing is said.
  case metricsRoute = "endpoint_metrics"
  /// What every slot does, at `/slots`.
  case slotsRoute = "endpoint_slots"

  /// The field of the package by its dotted path.
  var field: String { rawValue }

  /// The option of `llama-server`, without a value.
  var flag: String {
    switch self {
    case .model: "--model"
    case .threads: "--threads"
    case .batchThreads: "--threads-batch"
    case .slots: "--parallel"
    case .context: "--ctx-size"
    case .batch: "--batch-size"
    case .microBatch: "--ubatch-size"
    case .keepsPrefix: "--cache-prompt"
    case .hostCacheMiB: "--cache-ram"
    case .keyType: "--cache-type-k"
    case .valueType: "--cache-type-v"
    case .flashAttention: "--flash-attn"
    case .slotDirectory: "--slot-save-path"
    case .speculation: "--spec-type"
    case .draftModel: "--spec-draft-model"
    case .draftTokens: "--spec-draft-n-max"
    case .draftMinProbability: "--spec-draft-p-min"
    case .draftThreads: "--spec-draft-threads"
    case .draftBatchThreads: "--spec-draft-threads-batch"
    case .ngramSize: "--spec-ngram-simple-size-n"
    case .ngramTokens: "--spec-ngram-simple-size-m"
    case .ngramMapSize: "--spec-ngram-map-k-size-n"
    case .ngramMapTokens: "--spec-ngram-map-k-size-m"
    case .gpuLayers: "--n-gpu-layers"
    case .tensorSplit: "--tensor-split"
    case .tensorOverrides: "--override-tensor"
    case .expertCPULayers: "--n-cpu-moe"
    case .rpcServers: "--rpc"
    case .hosts: "--host"
    case .port: "--port"
    case .metricsRoute: "--metrics"
    case .slotsRoute: "--slots"
    }
  }
}
