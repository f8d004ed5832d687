import Serving

/// A configuration in SGLang's words: the options of `sglang serve` 0.5.23 (srt/arg_groups/fields).
struct SGLangArguments {
  private let request: LaunchRequest
  /// Of every server, prefill or decode.
  private(set) var words: [String] = []
  private var isSplit = false
  private var gpusPerServer = 1

  /// The engine has no default for a drafting depth with one branch; what llama.cpp drafts with a draft model.
  static let usualDraftTokens = 3

  init(_ request: LaunchRequest, knownKnobs: Set<KnobName>) throws(ApusError) {
    self.request = request
    let knobs = try KnobReader(request.configuration, knownKnobs: knownKnobs)
    isSplit = try knobs.bool(.prefillDecodeSplit) ?? false
    // Where a router stands in front, others need only the router.
    let host = isSplit ? "127.0.0.1" : request.host
    words = ["--model-path", request.modelPath, "--served-model-name", request.model.name, "--host", host]
    if let context = try request.fittingContextTokens() { words += ["--context-length", String(context)] }
    if let slots = try knobs.int(.slotCount, in: 1...4096) { words += ["--max-running-requests", String(slots)] }
    if try knobs.bool(.prefixCaching) == false { words.append("--disable-radix-cache") }
    try addPrefill(knobs)
    try addCache(knobs)
    try addSpeculation(knobs)
    try addParallelism(knobs)
    if try knobs.bool(.graphCapture) == false {
      words += ["--cuda-graph-backend-decode", "disabled", "--cuda-graph-backend-prefill", "disabled"]
    }
  }

  private mutating func addPrefill(_ knobs: KnobReader) throws(ApusError) {
    let isChunked = try knobs.bool(.chunkedPrefill)
    let batch = try knobs.int(.batchTokens, in: 1...1 << 20)
    if isChunked == false {
      words += ["--chunked-prefill-size", "-1"]
      if let batch { words += ["--max-prefill-tokens", String(batch)] }
    } else if let batch {
      words += ["--chunked-prefill-size", String(batch)]
    }
  }

  /// One type for keys and values; and the memory of the host that keeps what the GPU's has no room for.
  private mutating func addCache(_ knobs: KnobReader) throws(ApusError) {
    let type = try knobs.cacheType()
    // `auto` is the model's own 16-bit type.
    if let type { words += ["--kv-cache-dtype", type == "fp8" ? "fp8_e4m3" : "auto"] }
    if let mebibytes = try knobs.int(.hostCacheMiB, in: 0...1 << 24), mebibytes > 0 {
      guard mebibytes % 1024 == 0 else {
        throw ApusError(
          .badInput, "host_cache_mib=\(mebibytes): SGLang counts whole gigabytes", advice: "Give a multiple of 1024.")
      }
      words += ["--enable-hierarchical-cache", "--hicache-size", String(mebibytes / 1024)]
    }
  }

  private mutating func addSpeculation(_ knobs: KnobReader) throws(ApusError) {
    let kind = try knobs.text(.speculation, oneOf: ["n-gram", "draft-model", "eagle", "mtp"])
    let draftTokens = try knobs.int(.draftTokens, in: 1...64)
    _ = try knobs.text(.draftModel)
    guard let kind else { return }
    let names = ["n-gram": "NGRAM", "draft-model": "STANDALONE", "eagle": "EAGLE3", "mtp": "NEXTN"]
    words += ["--speculative-algorithm", names[kind]!]
    if kind == "n-gram" {
      if let draftTokens { words += ["--speculative-num-draft-tokens", String(draftTokens)] }
      return
    }
    if kind != "mtp" { words += ["--speculative-draft-model-path", try request.draftPath(for: kind)] }
    // One branch of so many steps; the token of the model itself counts among the verified ones.
    let steps = draftTokens ?? Self.usualDraftTokens
    words += [
      "--speculative-num-steps", String(steps), "--speculative-eagle-topk", "1", "--speculative-num-draft-tokens",
      String(steps + 1),
    ]
  }

  private mutating func addParallelism(_ knobs: KnobReader) throws(ApusError) {
    let parallelism = try ModelParallelism(knobs, request.model)
    if let tensor = parallelism.tensor { words += ["--tp-size", String(tensor)] }
    if let pipeline = parallelism.pipeline { words += ["--pp-size", String(pipeline)] }
    if let data = parallelism.data { words += ["--dp-size", String(data)] }
    if parallelism.isExpert { words += ["--ep-size", String(parallelism.tensor ?? 1)] }
    gpusPerServer = parallelism.width
  }

  /// - Parameter program: the executable `sglang`.
  func command(program: String) -> [String] {
    let port = request.port
    guard isSplit else { return [program, "serve"] + words + ["--port", String(port)] }
    // Two servers on GPUs of their own, each on a port above the given one, and SGLang's router in front of them. When one
    // of the three ends, the shell ends, and its guard ends the rest.
    let bootstrap = port + 3
    let prefill =
      words + ["--port", String(port + 1), "--disaggregation-mode", "prefill"]
      + ["--disaggregation-bootstrap-port", String(bootstrap)]
    let decode =
      words + ["--port", String(port + 2), "--disaggregation-mode", "decode"]
      + ["--base-gpu-id", String(gpusPerServer)]
    let router = [
      "-m", "sglang_router.launch_router", "--pd-disaggregation", "--host", request.host, "--port", String(port),
      "--prefill", "http://127.0.0.1:\(port + 1)", String(bootstrap), "--decode", "http://127.0.0.1:\(port + 2)",
    ]
    let python = program.hasSuffix("/sglang") ? program.dropLast("sglang".count) + "python3" : "python3"
    let script = [[program, "serve"] + prefill, [program, "serve"] + decode, [String(python)] + router]
      .map { ShellCommand.line(environment: [:], command: $0) + " &" }.joined(separator: "\n")
    return ["bash", "-c", script + "\nwait -n\nexit 1"]
  }
}
