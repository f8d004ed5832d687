public import Serving

/// TensorRT-LLM's HTTP server, `trtllm-serve`, with its PyTorch backend. Its flags and the keys of its configuration file
/// are compared with the repository's own lists (Tests/Fixtures, made by Deploy/engines/trtllm/options.py); it was never
/// run here.
///
/// A knob that is not set is not mentioned. What has no flag goes into a configuration file that the shell hands over
/// without writing one: JSON, which is YAML.
public struct TensorRTLLMEngine: InferenceEngine {
  public let name = EngineName("trtllm")
  public let summary = "TensorRT-LLM's HTTP server for Hugging Face models on NVIDIA GPUs (flags checked, not run here)"
  public let dialect = RequestDialect.openAI
  public let formats: Set<ModelFormat> = [.huggingFace]
  public let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .chunkedPrefill, .batchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .hostCacheMiB, .speculation, .draftTokens, .draftModel, .ngramSize, .tensorParallel, .pipelineParallel,
    .expertParallel, .graphCapture,
  ]
  public let choices: [KnobName: Set<String>] = [
    .speculation: ["n-gram", "eagle", "mtp"], .keyCacheType: ["f16", "fp8"], .valueCacheType: ["f16", "fp8"],
  ]

  /// What the flags were compared with.
  public static let checkedAgainst = "TensorRT-LLM 00209af149e7 trtllm-serve"

  private let server: GPUServer

  public init(_ installation: EngineInstallation) {
    server = GPUServer(name, package: "tensorrt_llm", program: "trtllm-serve", installation)
  }

  public func detect() async -> EngineDescription? { server.detect() }

  public func computesOnAccelerators() async -> Bool { true }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let arguments = try TensorRTLLMArguments(request, knownKnobs: knobs)
    return server.launchPlan(request, startTimeoutSeconds: 1800) { arguments.command(program: $0) }
  }

  public func support(of method: MethodName) -> MethodSupport { Self.claims[method] }

  private static let claims = MethodClaims(
    checked: [
      "continuous-batching", "prefix-caching", "host-cache", "chunked-prefill", "kv-cache-quantization",
      "weight-quantization", "n-gram-speculation", "eagle-speculation", "mtp-speculation", "tensor-parallelism",
      "pipeline-parallelism", "expert-parallelism", "graph-capture",
    ], against: checkedAgainst,
    absences: MethodClaims.absencesOnGPUs.merging([
      "draft-model-speculation": "of its drafters only n-gram, EAGLE and MTP are mapped",
      "data-parallelism": "one trtllm-serve is one replica; run several and attach them",
      "prefill-decode-disaggregation":
        "it needs servers for both phases and `trtllm-serve disaggregated` in front; run them and attach the front",
      "flash-attention": "its attention kernels are always fused", "rpc-distribution": "its ranks are started by MPI",
    ]) { $1 }, otherwise: "trtllm-serve has no option for it")
}
