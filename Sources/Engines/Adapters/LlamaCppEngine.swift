import FoundationEssentials
import Glibc
public import Serving

/// llama.cpp's own HTTP server, from the Python wheel `xllamacpp`, started by Deploy/engines/llamacpp/server.py.
///
/// A knob that is not set is not mentioned, so the engine's own default holds. What that is for xllamacpp 2026.10.11549:
/// one slot, the model's whole context, prefill steps of 2048 tokens in compute steps of 512, prefixes kept (in the slot,
/// and up to 8 GiB of ended conversations in memory), flash attention where the model allows it, F16 keys and values, no
/// speculation. Three things are always said: the thread count, by default the cores the worker may use, as the engine
/// would count the machine's; the routes that say how the engine is set up and what it counted; and passive OpenMP, as
/// threads that spin while they wait take the cores from everything else on the machine (measured: 20 to 50 times slower
/// beside other work).
public struct LlamaCppEngine: InferenceEngine {
  public let name = EngineName("llamacpp")
  public let summary = "llama.cpp's HTTP server for GGUF models, from the xllamacpp package"
  public let dialect = RequestDialect.llamaCpp
  public let formats: Set<ModelFormat> = [.gguf]
  public let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .speculation, .draftTokens, .draftModel, .draftMinProbability, .ngramSize, .flashAttention, .threadCount,
    .batchThreadCount, .threadAffinity, .hostCacheMiB, .slotStore,
  ]
  public let choices: [KnobName: Set<String>] = [
    .speculation: Set(LlamaCppSettings.kinds.keys), .keyCacheType: ["f16", "q8_0", "q4_0"],
    .valueCacheType: ["f16", "q8_0", "q4_0"],
  ]
  public let defaults: [KnobName: KnobValue] = [.hostCacheMiB: .int(8192), .prefixCaching: .bool(true)]

  public func support(of method: MethodName) -> MethodSupport {
    Self.methods[method] ?? .notHere(reason: "llama.cpp has no such option")
  }

  /// What works was run with this package; what needs a GPU or a build that is not there says so.
  private static let methods: [MethodName: MethodSupport] = [
    MethodName("continuous-batching"): .works,
    MethodName("prefix-caching"): .works,
    MethodName("host-cache"): .works,
    MethodName("slot-restore"): .works,
    MethodName("chunked-prefill"): .works,
    MethodName("kv-cache-quantization"): .works,
    MethodName("weight-quantization"): .works,
    MethodName("draft-model-speculation"): .works,
    MethodName("n-gram-speculation"): .works,
    MethodName("eagle-speculation"): .works,
    MethodName("mtp-speculation"): .works,
    MethodName("flash-attention"): .works,
    MethodName("thread-count"): .works,
    MethodName("thread-affinity"): .works,
    MethodName("instruction-set-build"): .notHere(reason: "the package has AVX2 code only"),
    MethodName("gpu-offload"): .notHere(reason: "the package has no GPU code"),
    MethodName("tensor-split"): .notHere(reason: "the package has no GPU code"),
    MethodName("expert-offload"): .notHere(reason: "the package has no GPU code"),
    MethodName("tensor-parallelism"): .notHere(reason: "the package has no GPU code"),
    MethodName("pipeline-parallelism"): .notHere(reason: "the package has no GPU code"),
    MethodName("data-parallelism"): .notHere(reason: "one process of llama.cpp holds one copy of a model"),
    MethodName("expert-parallelism"): .notHere(reason: "llama.cpp splits no experts between devices"),
    MethodName("graph-capture"): .notHere(reason: "llama.cpp has no compiler on processors"),
    MethodName("prefill-decode-disaggregation"): .notHere(reason: "llama.cpp reads and writes in one process"),
    MethodName("rpc-distribution"): .notHere(reason: "the package is built without RPC"),
  ]

  private let directory: String

  public init(_ installation: EngineInstallation) {
    directory = installation.directory(of: name)
  }

  /// The Python that has the engine, for the tools that need its packages too (`ModelSynthesizer`).
  public var pythonPath: String { "\(directory)/bin/python" }
  private var launcherPath: String { "\(directory)/server.py" }

  /// Looks at the files only: the package's folder has its version in its name.
  public func detect() async -> EngineDescription? {
    guard access(pythonPath, X_OK) == 0, access(launcherPath, R_OK) == 0 else { return nil }
    let files = FileManager.default
    for python in (try? files.contentsOfDirectory(atPath: "\(directory)/lib")) ?? [] where python.hasPrefix("python3") {
      for package in (try? files.contentsOfDirectory(atPath: "\(directory)/lib/\(python)/site-packages")) ?? []
      where package.hasPrefix("xllamacpp-") && package.hasSuffix(".dist-info") {
        let version = package.dropFirst("xllamacpp-".count).dropLast(".dist-info".count)
        return EngineDescription(name: name, version: "xllamacpp \(version)")
      }
    }
    return nil
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    var settings = try LlamaCppSettings(request, knownKnobs: knobs, slotDirectory: "\(directory)/slots")
    if request.isPublished { settings.listen(request) }
    return LaunchPlan(
      command: settings.pinning + [pythonPath, launcherPath, settings.json],
      environment: [
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": String(settings.mostThreads),
        // An engine that dies leaves its traceback in the log's last lines, not in a buffer.
        "PYTHONUNBUFFERED": "1",
      ],
      readiness: .announced,
      // A slot of a gigabyte is written in seconds; one that is cut short is removed at the next start.
      stopGraceSeconds: settings.values[.slotDirectory] == nil ? 2 : 20, engineDirectory: directory,
      shape: settings.shape(request))
  }
}
