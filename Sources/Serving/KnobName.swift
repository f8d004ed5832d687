/// A setting of an engine in Apus's own words; each engine adapter says it in the engine's.
public struct KnobName: Identifier {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }

  /// Requests the engine serves at once (continuous batching), Int >= 1.
  public static let slotCount = KnobName("slot_count")
  /// Keep computed prefixes for later requests, Bool.
  public static let prefixCaching = KnobName("prefix_caching")
  /// Most tokens in one prefill step (chunk), Int.
  public static let batchTokens = KnobName("batch_tokens")
  /// Most tokens in one compute step, Int.
  public static let microBatchTokens = KnobName("micro_batch_tokens")
  /// Element type of cached keys, String: `f16`, `q8_0`, `q4_0`, `fp8`.
  public static let keyCacheType = KnobName("key_cache_type")
  /// Element type of cached values, String, as for keys.
  public static let valueCacheType = KnobName("value_cache_type")
  /// The file whose weights are loaded in place of the asked one, String: a `ModelID`.
  public static let weightVariant = KnobName("weight_variant")
  /// String: `draft-model`, `n-gram`, `n-gram-map`, `n-gram-cache`, `eagle` or `mtp`.
  public static let speculation = KnobName("speculation")
  /// Most tokens drafted in one step, Int.
  public static let draftTokens = KnobName("draft_tokens")
  /// The draft model's file, String: a `ModelID`.
  public static let draftModel = KnobName("draft_model")
  /// Tokens an n-gram lookup must match, Int.
  public static let ngramSize = KnobName("ngram_size")
  /// Bool.
  public static let flashAttention = KnobName("flash_attention")
  /// Compute threads, Int >= 1.
  public static let threadCount = KnobName("thread_count")
  /// Compute threads while a prompt is read, Int >= 1; the others compute while tokens are written.
  public static let batchThreadCount = KnobName("batch_thread_count")
  /// Cores that compute threads may use, String: a list such as `0-3,8`, counted among the worker's own cores, so that
  /// it means the same on every worker. `EngineHost` puts the kernel's numbers in its place.
  public static let threadAffinity = KnobName("thread_affinity")
  /// Read a long prompt in chunks between the steps of running requests, Bool.
  public static let chunkedPrefill = KnobName("chunked_prefill")
  /// Main memory for prefixes that fell out of the cache, Int >= 0 in MiB; 0 is none.
  public static let hostCacheMiB = KnobName("host_cache_mib")
  /// Save a slot's cache to disk when its request ends and restore it for the next that begins alike, Bool.
  public static let slotStore = KnobName("slot_store")
  /// Least probability at which a draft goes on, Double in 0...1.
  public static let draftMinProbability = KnobName("draft_min_probability")
  /// Which build of the engine runs, String: `avx2`, `avx512` or `amx`.
  public static let isaBuild = KnobName("isa_build")
  /// Layers computed by GPUs, Int >= 0.
  public static let gpuLayers = KnobName("gpu_layers")
  /// Shares of the layers on each GPU, String: `3,1`.
  public static let tensorSplit = KnobName("tensor_split")
  /// Layers whose experts stay on the processor, Int >= 0.
  public static let expertCPULayers = KnobName("expert_cpu_layers")
  /// Where tensors live, String: `REGEX=DEVICE`, several separated by commas.
  public static let tensorOverrides = KnobName("tensor_overrides")
  /// GPUs that share each layer, Int >= 1.
  public static let tensorParallel = KnobName("tensor_parallel")
  /// GPUs that share the layers between them, Int >= 1.
  public static let pipelineParallel = KnobName("pipeline_parallel")
  /// Copies of the model, Int >= 1.
  public static let dataParallel = KnobName("data_parallel")
  /// Each GPU holds whole experts, Bool.
  public static let expertParallel = KnobName("expert_parallel")
  /// Compile the model or record its kernels once (CUDA graphs), Bool; false runs it eagerly.
  public static let graphCapture = KnobName("graph_capture")
  /// Read prompts and write tokens in different processes, Bool.
  public static let prefillDecodeSplit = KnobName("prefill_decode_split")
  /// Other nodes that compute layers, String: `HOST:PORT`, several separated by commas.
  public static let rpcServers = KnobName("rpc_servers")
}
