public import Serving

/// SGLang's HTTP server, `sglang serve`, for GPUs. Its flags are compared with the package's own parser
/// (Tests/Fixtures, made by Deploy/engines/sglang/options.py); it was never run here.
///
/// A knob that is not set is not mentioned, so the engine's own default holds: radix cache, chunked prefill and CUDA graphs
/// on, as many requests at once as the cache has room for.
public struct SGLangEngine: InferenceEngine {
  public let name = EngineName("sglang")
  public let summary = "SGLang's HTTP server for Hugging Face models on GPUs (flags checked, not run here)"
  public let dialect = RequestDialect.openAI
  public let formats: Set<ModelFormat> = [.huggingFace]
  public let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .chunkedPrefill, .batchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .speculation, .draftTokens, .draftModel, .hostCacheMiB, .tensorParallel, .pipelineParallel, .dataParallel,
    .expertParallel, .graphCapture, .prefillDecodeSplit,
  ]
  public let choices: [KnobName: Set<String>] = [
    .speculation: ["n-gram", "draft-model", "eagle", "mtp"], .keyCacheType: ["f16", "fp8"],
    .valueCacheType: ["f16", "fp8"],
  ]

  /// The version whose options the flags were compared with.
  public static let checkedVersion = "0.5.23"

  private let server: GPUServer

  public init(_ installation: EngineInstallation) {
    server = GPUServer(name, package: "sglang", program: "sglang", installation)
  }

  public func detect() async -> EngineDescription? { server.detect() }

  public func computesOnAccelerators() async -> Bool { true }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let arguments = try SGLangArguments(request, knownKnobs: knobs)
    return server.launchPlan(request, startTimeoutSeconds: 900) { arguments.command(program: $0) }
  }

  public func support(of method: MethodName) -> MethodSupport { Self.claims[method] }

  private static let claims = MethodClaims(
    checked: [
      "continuous-batching", "prefix-caching", "host-cache", "chunked-prefill", "kv-cache-quantization",
      "weight-quantization", "draft-model-speculation", "n-gram-speculation", "eagle-speculation", "mtp-speculation",
      "tensor-parallelism", "pipeline-parallelism", "data-parallelism", "expert-parallelism", "graph-capture",
      "prefill-decode-disaggregation",
    ], against: "sglang \(checkedVersion) ServerArgs",
    absences: MethodClaims.absencesOnGPUs.merging([
      "flash-attention": "SGLang chooses the attention backend by the GPU it finds",
      "rpc-distribution": "its nodes form one tensor-parallel group, and are started together",
    ]) { $1 }, otherwise: "SGLang has no flag for it")
}
