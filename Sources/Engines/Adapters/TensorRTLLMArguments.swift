import FoundationEssentials
import Serving

/// A configuration in the words of `trtllm-serve serve` and of its configuration file (llmapi/llm_args.py).
struct TensorRTLLMArguments {
  /// After `serve`.
  private(set) var words: [String] = []
  private(set) var file = File()

  /// The keys Apus writes, in the file in snake case: `kv_cache_config`.
  struct File: Encodable, Equatable {
    struct Cache: Encodable, Equatable {
      var enableBlockReuse: Bool?
      var dtype: String?
      var hostCacheSize: Int?
    }
    struct Speculation: Encodable, Equatable {
      var decodingType: String
      var maxDraftLen: Int?
      var numNextnPredictLayers: Int?
      var maxMatchingNgramSize: Int?
      var speculativeModelDir: String?
    }

    var kvCacheConfig: Cache?
    var speculativeConfig: Speculation?
    /// Written as null, which switches CUDA graphs off.
    var isWithoutGraphs = false

    var isEmpty: Bool { self == File() }

    private enum CodingKeys: String, CodingKey { case kvCacheConfig, speculativeConfig, cudaGraphConfig }

    func encode(to encoder: any Encoder) throws {
      var values = encoder.container(keyedBy: CodingKeys.self)
      try values.encodeIfPresent(kvCacheConfig, forKey: .kvCacheConfig)
      try values.encodeIfPresent(speculativeConfig, forKey: .speculativeConfig)
      if isWithoutGraphs { try values.encodeNil(forKey: .cudaGraphConfig) }
    }

    /// One line, keys sorted, so that equal settings are equal text.
    var json: String {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      guard let data = try? encoder.encode(self) else { preconditionFailure("strings and numbers are always JSON") }
      return String(decoding: data, as: UTF8.self)
    }
  }

  init(_ request: LaunchRequest, knownKnobs: Set<KnobName>) throws(ApusError) {
    let knobs = try KnobReader(request.configuration, knownKnobs: knownKnobs)
    words = [request.modelPath, "--host", request.host, "--port", String(request.port), "--backend", "pytorch"]
    if let context = try request.fittingContextTokens() { words += ["--max_seq_len", String(context)] }
    if let slots = try knobs.int(.slotCount, in: 1...4096) { words += ["--max_batch_size", String(slots)] }
    if let batch = try knobs.int(.batchTokens, in: 1...1 << 20) { words += ["--max_num_tokens", String(batch)] }
    if try knobs.bool(.chunkedPrefill) == true { words.append("--enable_chunked_prefill") }
    let parallelism = try ModelParallelism(knobs, request.model)
    if let tensor = parallelism.tensor { words += ["--tp_size", String(tensor)] }
    if let pipeline = parallelism.pipeline { words += ["--pp_size", String(pipeline)] }
    if parallelism.isExpert { words += ["--ep_size", String(parallelism.tensor ?? 1)] }
    try setCache(knobs)
    try setSpeculation(knobs, request)
    file.isWithoutGraphs = try knobs.bool(.graphCapture) == false
  }

  private mutating func setCache(_ knobs: KnobReader) throws(ApusError) {
    let cache = File.Cache(
      enableBlockReuse: try knobs.bool(.prefixCaching),
      dtype: try knobs.cacheType().map { $0 == "fp8" ? "fp8" : "auto" },
      hostCacheSize: try knobs.int(.hostCacheMiB, in: 0...1 << 24).map { $0 << 20 })
    if cache != File.Cache() { file.kvCacheConfig = cache }
  }

  private mutating func setSpeculation(_ knobs: KnobReader, _ request: LaunchRequest) throws(ApusError) {
    let kind = try knobs.text(.speculation, oneOf: ["n-gram", "eagle", "mtp"])
    let draftTokens = try knobs.int(.draftTokens, in: 1...64)
    let ngramSize = try knobs.int(.ngramSize, in: 1...64)
    _ = try knobs.text(.draftModel)
    guard let kind else { return }
    // What llama.cpp drafts with a draft model; the file's own defaults draft nothing.
    let length = draftTokens ?? 3
    switch kind {
    case "n-gram":
      file.speculativeConfig = File.Speculation(
        decodingType: "NGram", maxDraftLen: length, maxMatchingNgramSize: ngramSize ?? 3)
    case "mtp":
      file.speculativeConfig = File.Speculation(decodingType: "MTP", numNextnPredictLayers: length)
    default:
      file.speculativeConfig = File.Speculation(
        decodingType: "Eagle", maxDraftLen: length, speculativeModelDir: try request.draftPath(for: kind))
    }
  }

  /// - Parameter program: the executable `trtllm-serve`.
  func command(program: String) -> [String] {
    let plain = [program, "serve"] + words
    guard !file.isEmpty else { return plain }
    // The shell hands the text over as a file that is read once; bash is there wherever CUDA is.
    return ["bash", "-c", #"exec "$@" --config <(printf %s "$0")"#, file.json] + plain
  }
}
