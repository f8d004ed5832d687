import FoundationEssentials
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

  private let directory: String
  private let searchPath: String

  public init(_ installation: EngineInstallation) {
    directory = installation.directory(of: name)
    searchPath = ProcessInfo.processInfo.environment["PATH"] ?? ""
  }

  private var package: PythonPackage? {
    PythonPackage.find("tensorrt_llm", program: "trtllm-serve", in: directory, path: searchPath)
  }

  public func detect() async -> EngineDescription? {
    package.map { EngineDescription(name: name, version: "tensorrt_llm \($0.version)") }
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let arguments = try TensorRTLLMArguments(request, knownKnobs: knobs)
    let program = package?.program ?? "trtllm-serve"
    return LaunchPlan(
      command: arguments.command(program: program), environment: [:],
      readiness: .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health"), startTimeoutSeconds: 1800,
      engineDirectory: program.hasPrefix(directory + "/") ? directory : nil)
  }

  public func support(of method: MethodName) -> MethodSupport {
    Self.support[method] ?? .notHere(reason: Self.reasons[method] ?? "trtllm-serve has no option for it")
  }

  private static let support: [MethodName: MethodSupport] = Dictionary(
    uniqueKeysWithValues: [
      "continuous-batching", "prefix-caching", "host-cache", "chunked-prefill", "kv-cache-quantization",
      "weight-quantization", "n-gram-speculation", "eagle-speculation", "mtp-speculation", "tensor-parallelism",
      "pipeline-parallelism", "expert-parallelism", "graph-capture",
    ].map { (MethodName($0), .flagChecked(against: checkedAgainst)) })

  private static let reasons: [MethodName: String] = [
    MethodName("draft-model-speculation"): "of its drafters only n-gram, EAGLE and MTP are mapped",
    MethodName("data-parallelism"): "one trtllm-serve is one replica; run several and attach them",
    MethodName("prefill-decode-disaggregation"):
      "it needs servers for both phases and `trtllm-serve disaggregated` in front; run them and attach the front",
    MethodName("flash-attention"): "its attention kernels are always fused",
    MethodName("thread-count"): "it computes on GPUs",
    MethodName("thread-affinity"): "it computes on GPUs",
    MethodName("instruction-set-build"): "it computes on GPUs",
    MethodName("gpu-offload"): "all layers are on the GPUs",
    MethodName("tensor-split"): "tensor parallelism splits evenly",
    MethodName("slot-restore"): "it keeps prefixes in its own cache, not on disk",
    MethodName("rpc-distribution"): "its ranks are started by MPI",
  ]
}
