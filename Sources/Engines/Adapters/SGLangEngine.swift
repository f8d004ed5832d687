import FoundationEssentials
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

  private let directory: String
  private let searchPath: String

  public init(_ installation: EngineInstallation) {
    directory = installation.directory(of: name)
    searchPath = ProcessInfo.processInfo.environment["PATH"] ?? ""
  }

  private var package: PythonPackage? {
    PythonPackage.find("sglang", program: "sglang", in: directory, path: searchPath)
  }

  public func detect() async -> EngineDescription? {
    package.map { EngineDescription(name: name, version: "sglang \($0.version)") }
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let arguments = try SGLangArguments(request, knownKnobs: knobs)
    let program = package?.program ?? "sglang"
    return LaunchPlan(
      command: arguments.command(program: program), environment: [:],
      readiness: .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health"), startTimeoutSeconds: 900,
      engineDirectory: program.hasPrefix(directory + "/") ? directory : nil)
  }

  public func support(of method: MethodName) -> MethodSupport {
    Self.support[method] ?? .notHere(reason: Self.reasons[method] ?? "SGLang has no flag for it")
  }

  private static let support: [MethodName: MethodSupport] = Dictionary(
    uniqueKeysWithValues: [
      "continuous-batching", "prefix-caching", "host-cache", "chunked-prefill", "kv-cache-quantization",
      "weight-quantization", "draft-model-speculation", "n-gram-speculation", "eagle-speculation", "mtp-speculation",
      "tensor-parallelism", "pipeline-parallelism", "data-parallelism", "expert-parallelism", "graph-capture",
      "prefill-decode-disaggregation",
    ].map { (MethodName($0), .flagChecked(against: "sglang \(checkedVersion) ServerArgs")) })

  private static let reasons: [MethodName: String] = [
    MethodName("flash-attention"): "SGLang chooses the attention backend by the GPU it finds",
    MethodName("thread-count"): "it computes on GPUs",
    MethodName("thread-affinity"): "it computes on GPUs",
    MethodName("instruction-set-build"): "it computes on GPUs",
    MethodName("gpu-offload"): "all layers are on the GPUs",
    MethodName("tensor-split"): "tensor parallelism splits evenly",
    MethodName("slot-restore"): "it keeps prefixes in its own cache, not on disk",
    MethodName("rpc-distribution"): "its nodes form one tensor-parallel group, and are started together",
  ]
}
