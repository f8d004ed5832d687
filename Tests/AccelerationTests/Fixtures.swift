import Acceleration
import Serving

/// A small dense model with its variants and a draft, on a two-core machine.
enum Fixture {
  static let dense = model(
    "dense", parameters: 60_000_000, bytes: 64_000_000, type: "Q8_0", group: "dense")
  static let denseQ4 = model(
    "dense-q4", parameters: 60_000_000, bytes: 34_000_000, type: "Q4_0", group: "dense")
  static let denseF16 = model(
    "dense-f16", parameters: 60_000_000, bytes: 120_000_000, type: "F16", group: "dense")
  static let draft = model(
    "draft", parameters: 6_000_000, bytes: 6_400_000, type: "Q8_0", group: "draft")
  static let stranger = model(
    "stranger", parameters: 6_000_000, bytes: 6_400_000, type: "Q8_0", group: "stranger",
    vocabulary: "other")

  static let allKnobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType,
    .weightVariant,
    .speculation, .draftTokens, .draftModel, .ngramSize, .flashAttention, .threadCount,
  ]

  /// An engine that can be told everything there is, and does little by itself.
  static let ableEngine = EngineAbilities(
    knobs: allKnobs.union([
      .batchThreadCount, .threadAffinity, .chunkedPrefill, .hostCacheMiB, .slotStore, .draftMinProbability, .isaBuild,
      .gpuLayers, .tensorSplit, .expertCPULayers, .tensorOverrides, .tensorParallel, .pipelineParallel, .dataParallel,
      .expertParallel, .graphCapture, .prefillDecodeSplit, .rpcServers,
    ]),
    choices: [
      .speculation: ["draft-model", "n-gram", "n-gram-map", "n-gram-cache", "eagle", "mtp"],
      .isaBuild: ["avx2", "avx512", "amx"],
    ],
    defaults: [.hostCacheMiB: .int(8192), .graphCapture: .bool(true)])

  static let mixture: ModelProfile = {
    var profile = model("mixture", parameters: 200_000_000, bytes: 220_000_000, type: "Q8_0", group: "mixture")
    profile.expertCount = 32
    profile.expertsPerToken = 4
    return profile
  }()
  static let eagleHead: ModelProfile = {
    var profile = model("head", parameters: 4_000_000, bytes: 8_000_000, type: "F16", group: "head")
    profile.eagleVersion = 3
    return profile
  }()

  /// GPUs that the engine `able` computes on.
  static func gpus(_ gigabytes: Int...) -> HardwareProfile {
    hardware(
      accelerators: gigabytes.map {
        Accelerator(name: "gpu", memoryBytes: $0 << 30, engines: [EngineName("able"), EngineName("llamacpp")])
      })
  }

  static func able(
    model: ModelProfile = dense, available: [ModelProfile] = [dense, draft], hardware: HardwareProfile = hardware(),
    abilities: EngineAbilities = ableEngine, builds: [EngineBuild] = [], workload: Workload = .concurrent,
    rpcServers: [String] = []
  ) -> AccelerationContext {
    AccelerationContext(
      model: model, available: available, hardware: hardware, engine: EngineName("able"), abilities: abilities,
      builds: builds, workload: workload, limits: Limits(), rpcServers: rpcServers)
  }

  static func model(
    _ name: String, parameters: Int, bytes: Int, type: String, group: String,
    vocabulary: String = "vocabulary"
  ) -> ModelProfile {
    ModelProfile(
      id: ModelID(name + "-id"), name: name, architecture: "llama", parameterCount: parameters,
      activeParameterCount: parameters, layerCount: 12, hiddenSize: 512, headCount: 8,
      keyValueHeadCount: 8,
      headSize: 64, feedForwardSize: 1536, expertCount: 0, expertsPerToken: 0, vocabularySize: 8192,
      contextLength: 4096, weightType: type, weightBytes: bytes, activeWeightBytes: bytes,
      vocabularyFingerprint: vocabulary, variantGroup: group)
  }

  static func hardware(
    cores: Int = 2, memoryBytes: Int = 8 << 30, accelerators: [Accelerator] = [], instructionSets: [String] = ["avx2"]
  ) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID("machine"), processor: "test", coreCount: cores, instructionSets: instructionSets,
      memoryBytes: memoryBytes, memoryBandwidth: 2e10, gemmRate: 1e11, accelerators: accelerators)
  }

  static func context(
    model: ModelProfile = dense,
    available: [ModelProfile] = [dense, denseQ4, denseF16, draft, stranger],
    hardware: HardwareProfile = hardware(), knobs: Set<KnobName> = allKnobs,
    workload: Workload = .concurrent,
    limits: Limits = Limits()
  ) -> AccelerationContext {
    AccelerationContext(
      model: model, available: available, hardware: hardware, engine: EngineName("llamacpp"),
      abilities: EngineAbilities(knobs: knobs),
      workload: workload, limits: limits)
  }
}
