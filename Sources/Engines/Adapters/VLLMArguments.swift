import Acceleration
import FoundationEssentials
import Serving

/// A configuration in vLLM's words: the options of `vllm serve` 0.32.0 (engine/arg_utils.py).
struct VLLMArguments {
  /// After `serve MODEL`.
  private(set) var words: [String] = []
  private(set) var threadCount: Int
  /// Of VLLM_CPU_OMP_THREADS_BIND: a CPU list for each computing process, or `nobind`.
  private(set) var threadBinding = "nobind"

  /// Requests whose contexts the key-value cache holds when no slot count is set: the engine's own 128 would reserve more
  /// than is planned for it.
  static let sequencesInCache = EngineFootprint.of(EngineName("vllm")).defaultSlotCount
  /// Tokens in one block of the cache on processors (platforms/cpu.py).
  static let blockTokens = 128

  init(_ request: LaunchRequest, knownKnobs: Set<KnobName>) throws(ApusError) {
    let knobs = try KnobReader(request.configuration, knownKnobs: knownKnobs)
    threadCount = try knobs.int(.threadCount, in: 1...1024) ?? max(1, request.coreCount)
    words = [
      "--host", request.host, "--port", String(request.port), "--served-model-name", request.model.name,
      "--generation-config", "vllm", "--enable-prompt-tokens-details", "--disable-uvicorn-access-log",
    ]
    let context = try request.fittingContextTokens()
    if let context { words += ["--max-model-len", String(context)] }
    let cacheType = try knobs.cacheType()
    if let cacheType { words += ["--kv-cache-dtype", cacheType == "f16" ? "float16" : cacheType] }
    let slots = try knobs.int(.slotCount, in: 1...1024)
    if let slots { words += ["--max-num-seqs", String(slots)] }
    let bytes = Self.cacheBytes(
      request.model, contextTokens: context ?? request.model.contextLength, sequences: slots ?? Self.sequencesInCache,
      bytesPerElement: cacheType == "fp8" ? 1 : 2)
    words += ["--kv-cache-memory-bytes", String(bytes)]
    try addPrefill(knobs, slots: slots, context: context ?? request.model.contextLength)
    try addSpeculation(knobs, request)
    let processes = try addParallelism(knobs, request.model)
    if let cores = try knobs.text(.threadAffinity) {
      try knobs.require(
        .threadAffinity, processes == 1, "one computing process (no tensor, pipeline or data parallelism)")
      threadBinding = cores
    }
    if let isCompiled = try knobs.bool(.graphCapture), !isCompiled { words.append("--enforce-eager") }
  }

  /// Memory for the cache: the given number of full contexts, each rounded up to whole blocks with one to spare.
  static func cacheBytes(
    _ model: ModelProfile, contextTokens: Int, sequences: Int, bytesPerElement: Double
  ) -> Int {
    let blocks = sequences * ((max(1, contextTokens) + blockTokens - 1) / blockTokens + 1)
    let bytes = Double(blocks * blockTokens) * model.keyValueBytesPerToken(bytesPerElement: bytesPerElement)
    // Never more than can be said.
    return Int(min(max(bytes, 1e6), 1e15))
  }

  private mutating func addPrefill(_ knobs: KnobReader, slots: Int?, context: Int) throws(ApusError) {
    if let keeps = try knobs.bool(.prefixCaching) {
      words.append(keeps ? "--enable-prefix-caching" : "--no-enable-prefix-caching")
    }
    let isChunked = try knobs.bool(.chunkedPrefill)
    if let isChunked { words.append(isChunked ? "--enable-chunked-prefill" : "--no-enable-chunked-prefill") }
    guard let batch = try knobs.int(.batchTokens, in: 1...1 << 20) else { return }
    if let slots, batch < slots {
      throw ApusError(
        .badInput, "batch_tokens=\(batch) is less than slot_count=\(slots): each request needs a token in a step",
        advice: "Give batch_tokens at least slot_count.")
    }
    guard isChunked != false || batch >= context else {
      throw ApusError(
        .badInput, "batch_tokens=\(batch) with chunked_prefill=off: a prompt of \(context) tokens would fit no step",
        advice: "Leave chunked_prefill on, or give batch_tokens at least the context.")
    }
    words += ["--max-num-batched-tokens", String(batch)]
  }

  private mutating func addSpeculation(_ knobs: KnobReader, _ request: LaunchRequest) throws(ApusError) {
    let kind = try knobs.text(.speculation, oneOf: ["n-gram", "draft-model", "eagle", "mtp"])
    let draftTokens = try knobs.int(.draftTokens, in: 1...64)
    let ngramSize = try knobs.int(.ngramSize, in: 1...64)
    _ = try knobs.text(.draftModel)
    guard let kind else { return }
    var speculation = Speculation(method: "", draftTokens: draftTokens ?? Speculation.usualDraftTokens)
    switch kind {
    case "n-gram":
      speculation.method = "ngram"
      speculation.longestMatch = ngramSize
      speculation.shortestMatch = ngramSize
    case "mtp": speculation.method = "mtp"
    default:
      speculation.method = kind == "eagle" ? "eagle3" : "draft_model"
      speculation.model = try request.draftPath(for: kind)
    }
    words += ["--speculative-config", speculation.json]
  }

  /// - Returns: processes that compute.
  private mutating func addParallelism(_ knobs: KnobReader, _ model: ModelProfile) throws(ApusError) -> Int {
    let parallelism = try ModelParallelism(knobs, model)
    if let tensor = parallelism.tensor { words += ["--tensor-parallel-size", String(tensor)] }
    if let pipeline = parallelism.pipeline { words += ["--pipeline-parallel-size", String(pipeline)] }
    if let data = parallelism.data { words += ["--data-parallel-size", String(data)] }
    if parallelism.isExpert { words.append("--enable-expert-parallel") }
    return parallelism.width
  }
}

/// `--speculative-config` (config/speculative.py).
private struct Speculation: Encodable {
  /// The engine has no default; what llama.cpp drafts with a draft model.
  static let usualDraftTokens = 3

  var method: String
  var model: String?
  var draftTokens: Int
  /// 5 for both where neither is said.
  var longestMatch: Int?
  var shortestMatch: Int?

  private enum CodingKeys: String, CodingKey {
    case method, model
    case draftTokens = "num_speculative_tokens"
    case longestMatch = "prompt_lookup_max"
    case shortestMatch = "prompt_lookup_min"
  }

  /// One line, keys sorted, so that equal settings are equal text.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { preconditionFailure("strings and numbers are always JSON") }
    return String(decoding: data, as: UTF8.self)
  }
}
