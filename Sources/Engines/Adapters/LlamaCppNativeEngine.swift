import Glibc
public import Serving

/// The program `llama-server` of llama.cpp: built by Deploy/engines/llamacpp-native/install, or found on PATH.
///
/// The built one comes in a folder for each instruction set, `bin/avx2`, `bin/avx512` and `bin/amx`, which differ in nothing
/// but ggml's processor code, and `bin/cuda` where there was a compiler for NVIDIA's GPUs: the first of these with their
/// kernels besides. `isa_build` picks one. Without it, the one for GPUs is taken where their driver is, else the one that
/// every x86-64 processor of the last ten years runs. A build is offered only if it is there, and loads,
/// computes and ends well in a child process on this machine (`BuildProbe`): one made for more than the processor has
/// dies by SIGILL, which must not be the worker's end.
///
/// On a GPU the program's own default is to put as many layers there as fit, with CUDA graphs where it can.
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
    .tensorOverrides, .rpcServers, .graphCapture,
  ]
  public let acceleratorKnobs: Set<KnobName> = [.graphCapture]
  /// Names of builds, as the installer's folders; the first that runs is the default.
  static let builds = ["cuda", "avx2", "avx512", "amx"]
  public let choices: [KnobName: Set<String>] = [
    .speculation: Set(LlamaCppSettings.kinds.keys), .keyCacheType: ["f16", "q8_0", "q4_0"],
    .valueCacheType: ["f16", "q8_0", "q4_0"], .isaBuild: Set(builds),
  ]
  public let defaults: [KnobName: KnobValue] = [
    .hostCacheMiB: .int(8192), .prefixCaching: .bool(true), .graphCapture: .bool(true),
  ]

  /// What the options were compared with: the source that the installer builds.
  static let source = "llama.cpp 0c1e57098 common/arg.cpp"

  public func support(of method: MethodName) -> MethodSupport { Self.claims[method] }

  /// What works was run with builds of that source on processors and on an H100; what is checked needs several GPUs or a
  /// model that is not there.
  private static let claims = MethodClaims(
    works: [
      "continuous-batching", "prefix-caching", "host-cache", "chunked-prefill", "kv-cache-quantization",
      "weight-quantization", "draft-model-speculation", "n-gram-speculation", "flash-attention", "thread-count",
      "thread-affinity", "instruction-set-build", "rpc-distribution", "gpu-offload", "expert-offload", "graph-capture",
    ],
    checked: ["eagle-speculation", "mtp-speculation", "tensor-split"],
    against: source,
    absences: [
      "slot-restore": "the program saves no slots when it stops; llamacpp's launcher does",
      "tensor-parallelism": "llama.cpp's --split-mode tensor is an experiment of its own, and is not driven here",
      "pipeline-parallelism": "llama.cpp calls it tensor split: see tensor-split",
      "data-parallelism": "one process of llama.cpp holds one copy of a model",
      "expert-parallelism": "llama.cpp splits no experts between devices",
      "prefill-decode-disaggregation": "llama.cpp reads and writes in one process",
    ], otherwise: "llama.cpp has no such option")

  private let directory: String
  private let hasDriver: Bool

  /// - Parameter driver: a file that is there where NVIDIA's driver is.
  public init(_ installation: EngineInstallation, driver: String = "/dev/nvidiactl") {
    directory = installation.directory(of: name)
    hasDriver = access(driver, F_OK) == 0
  }

  /// The program of a build. Nil stands for the default: the first that is there and may run; the one on PATH when nothing
  /// was built here.
  func program(_ build: String?) -> String {
    if let build { return path(of: build) }
    let usual = Self.builds.first { ($0 != "cuda" || hasDriver) && access(path(of: $0), X_OK) == 0 }
    return usual.map(path) ?? "llama-server"
  }

  private func path(of build: String) -> String { "\(directory)/bin/\(build)/llama-server" }

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

  public func computesOnAccelerators() async -> Bool {
    let devices = try? await BuildProbe(program: program(nil)).devices()
    return devices.map { !$0.isEmpty } ?? false
  }

  public func launchPlan(_ request: LaunchRequest) throws(ApusError) -> LaunchPlan {
    let settings = try LlamaCppSettings(request, knownKnobs: knobs, slotDirectory: "\(directory)/slots")
    let reader = try KnobReader(request.configuration, knownKnobs: knobs)
    let build = try reader.text(.isaBuild, oneOf: Self.builds)
    var environment = ["OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": String(settings.mostThreads)]
    // Read by ggml-cuda when it is loaded, whatever the value is.
    if try reader.bool(.graphCapture) == false { environment["GGML_CUDA_DISABLE_GRAPHS"] = "1" }
    var arguments = settings.arguments
    if settings.values[.slots] == nil { arguments += [LlamaCppOption.slots.flag, "1"] }
    let program = program(build)
    return LaunchPlan(
      command: settings.pinning + [program] + arguments
        + ["--host", request.host, "--port", String(request.port)],
      environment: environment,
      readiness: .polled(baseURL: "http://127.0.0.1:\(request.port)", path: "/health"),
      engineDirectory: program.hasPrefix(directory + "/") ? directory : nil, shape: settings.shape(request))
  }
}
