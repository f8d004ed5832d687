import Glibc
public import Serving

/// The program `llama-server` of llama.cpp: built by Deploy/engines/llamacpp-native/install, or found on PATH.
///
/// The built one comes in a folder for each instruction set, `bin/avx2`, `bin/avx512` and `bin/amx`, which differ in nothing
/// but ggml's processor code. `isa_build` picks one, and without it the one that every x86-64 processor of the last ten years
/// runs is taken. A build is offered only if it is there, and loads,
/// computes and ends well in a child process on this machine (`BuildProbe`): one made for more than the processor has
/// dies by SIGILL, which must not be the worker's end.
///
/// It is told the same settings as the package's server (`LlamaCppOption`), and one slot where none are set, so that
/// the two engines differ in the build only.
public struct LlamaCppNativeEngine: InferenceEngine {
  public let name = EngineName("llamacpp-native")
  public let summary = "llama.cpp's llama-server for GGUF models, built here for its processor, or from PATH"
  public let dialect = RequestDialect.llamaCpp
  public let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .speculation, .draftTokens, .draftModel, .draftMinProbability, .ngramSize, .flashAttention, .threadCount,
    .batchThreadCount, .threadAffinity, .hostCacheMiB, .isaBuild, .gpuLayers, .tensorSplit, .expertCPULayers,
    .tensorOverrides, .rpcServers,
  ]
  /// Names of builds, as the installer's folders; the first is the default.
  static let builds = ["avx2", "avx512", "amx"]
  public let choices: [KnobName: Set<String>] = [
    .speculation: Set(LlamaCppSettings.kinds.keys), .keyCacheType: ["f16", "q8_0", "q4_0"],
    .valueCacheType: ["f16", "q8_0", "q4_0"], .isaBuild: Set(builds),
  ]
  public let defaults: [KnobName: KnobValue] = [
    .hostCacheMiB: .int(8192), .prefixCaching: .bool(true), .isaBuild: .text(builds[0]),
  ]

  /// What the options were compared with: the source that the installer builds.
  static let source = "llama.cpp 0c1e57098 common/arg.cpp"

  public func support(of method: MethodName) -> MethodSupport { Self.claims[method] }

  /// What works was run with builds of that source on a processor; what is checked needs a GPU or a model that is not there.
  private static let claims = MethodClaims(
    works: [
      "continuous-batching", "prefix-caching", "host-cache", "chunked-prefill", "kv-cache-quantization",
      "weight-quantization", "draft-model-speculation", "n-gram-speculation", "flash-attention", "thread-count",
      "thread-affinity", "instruction-set-build", "rpc-distribution",
    ],
    checked: ["eagle-speculation", "mtp-speculation", "gpu-offload", "tensor-split", "expert-offload"],
    against: source,
    absences: [
      "slot-restore": "the program saves no slots when it stops; llamacpp's launcher does",
      "tensor-parallelism": "llama.cpp splits no layer between processors",
      "pipeline-parallelism": "llama.cpp calls it tensor split: see tensor-split",
      "data-parallelism": "one process of llama.cpp holds one copy of a model",
      "expert-parallelism": "llama.cpp splits no experts between devices",
      "graph-capture": "llama.cpp has no compiler on processors",
      "prefill-decode-disaggregation": "llama.cpp reads and writes in one process",
    ], otherwise: "llama.cpp has no such option")

  private let directory: String

  public init(_ installation: EngineInstallation) {
    directory = installation.directory(of: name)
  }

  /// The program of a build; the one on PATH when nothing was built here.
  func program(_ build: String?) -> String {
    let built = "\(directory)/bin/\(build ?? Self.builds[0])/llama-server"
    return build == nil && access(built, X_OK) != 0 ? "llama-server" : built
  }

  /// The first build that runs here, by its own word, with the names of all that do; and what became of every one that
  /// is installed.
  public func detect() async -> EngineDescription? {
    var found: [EngineBuild] = []
    var version: String?
    for build in Self.builds where access(program(build), X_OK) == 0 {
      do throws(BuildProbe.Fault) {
        let said = try await BuildProbe(program: program(build)).version()
        found.append(EngineBuild(name: build))
        version = version ?? said
      } catch {
        found.append(EngineBuild(name: build, fault: error.reason))
      }
    }
    if let version {
      let usable = found.filter { $0.fault == nil }.map(\.name)
      return EngineDescription(
        name: name, version: "\(version) (\(usable.joined(separator: ", ")))", builds: found)
    }
    guard program(nil) == "llama-server", let said = try? await BuildProbe(program: "llama-server").version() else {
      return nil
    }
    return EngineDescription(name: name, version: "\(said) (PATH)")
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let settings = try LlamaCppSettings(request, knownKnobs: knobs, slotDirectory: "\(directory)/slots")
    let build = try KnobReader(request.configuration, knownKnobs: knobs).text(.isaBuild, oneOf: Self.builds)
    var arguments = settings.arguments
    if settings.values[.slots] == nil { arguments += [LlamaCppOption.slots.flag, "1"] }
    let program = program(build)
    return LaunchPlan(
      command: settings.pinning + [program] + arguments
        + ["--host", request.host, "--port", String(request.port)],
      environment: ["OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": String(settings.mostThreads)],
      readiness: .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health"),
      engineDirectory: program.hasPrefix(directory + "/") ? directory : nil, shape: settings.shape(request))
  }
}
