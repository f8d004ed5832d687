import FoundationEssentials
import Glibc
public import Serving

/// llama.cpp's own HTTP server, from the Python wheel `xllamacpp`, started by Deploy/engines/llamacpp/server.py.
///
/// A knob that is not set is not mentioned, so the engine's own default holds. What that is for xllamacpp 2026.10.11549:
/// one slot, the model's whole context, prefill steps of 2048 tokens in compute steps of 512, prefixes kept (in the slot,
/// and up to 8 GiB of ended conversations in memory), flash attention where the model allows it, F16 keys and values, no
/// speculation. Two things are always said: the thread count, by default the cores the worker may use, as the engine
/// would count the machine's; and passive OpenMP, as threads that spin while they wait take the cores from everything
/// else on the machine (measured: 20 to 50 times slower beside other work).
public struct LlamaCppEngine: InferenceEngine {
  public let name = EngineName("llamacpp")
  public let summary = "llama.cpp's HTTP server for GGUF models, from the xllamacpp package"
  public let dialect = RequestDialect.llamaCpp
  public let formats: Set<ModelFormat> = [.gguf]
  public let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .speculation, .draftTokens, .draftModel, .ngramSize, .flashAttention, .threadCount,
  ]

  /// Methods that were run with this package; all others are not here.
  private static let methods: Set<MethodName> = [
    MethodName("continuous-batching"), MethodName("draft-model-speculation"), MethodName("n-gram-speculation"),
    MethodName("thread-count"), MethodName("chunked-prefill"), MethodName("flash-attention"),
    MethodName("prefix-caching"), MethodName("weight-quantization"), MethodName("kv-cache-quantization"),
  ]

  public func support(of method: MethodName) -> MethodSupport {
    Self.methods.contains(method) ? .works : .notHere(reason: "its adapter has no such option")
  }

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
    let settings = try LlamaCppSettings(request, knownKnobs: knobs)
    return LaunchPlan(
      command: [pythonPath, launcherPath, settings.json],
      environment: [
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": String(settings.threadCount),
        // An engine that dies leaves its traceback in the log's last lines, not in a buffer.
        "PYTHONUNBUFFERED": "1",
      ],
      readiness: .announced)
  }
}
