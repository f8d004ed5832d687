public import Serving

/// What a method must know to say whether and how it applies: model, hardware, engine, workload and limits.
public struct AccelerationContext: Sendable {
  /// The model that was asked for.
  public var model: ModelProfile
  /// Every model on the node that the engine can load: where weight variants and draft models are found.
  public var available: [ModelProfile]
  public var hardware: HardwareProfile
  public var engine: EngineName
  public var abilities: EngineAbilities
  /// The engine's builds that are installed on the node; empty where it has one only, or nobody has looked.
  public var builds: [EngineBuild]
  public var workload: Workload
  public var limits: Limits
  /// Whether the engine is a server that somebody else started: it runs as it is, with memory that is not this worker's.
  public var isAttached: Bool
  /// Where other nodes offer their memory with `ggml-rpc-server`, `HOST:PORT` each.
  public var rpcServers: [String]
  /// Most bytes an engine may take on the node; nil for all of its memory.
  public var engineMemoryBytes: Int?
  /// What memory estimates were learned to be off by.
  public var corrections: MemoryCorrections

  public init(
    model: ModelProfile, available: [ModelProfile], hardware: HardwareProfile, engine: EngineName,
    abilities: EngineAbilities, builds: [EngineBuild] = [], workload: Workload, limits: Limits,
    isAttached: Bool = false, rpcServers: [String] = [],
    engineMemoryBytes: Int? = nil, corrections: MemoryCorrections = MemoryCorrections()
  ) {
    self.model = model
    // A file of another format is neither a variant nor a draft for this engine.
    self.available = available.filter { abilities.formats.contains($0.format) }
    self.hardware = hardware
    self.engine = engine
    self.abilities = abilities
    self.builds = builds
    self.workload = workload
    self.limits = limits
    self.rpcServers = rpcServers
    self.isAttached = isAttached
    self.engineMemoryBytes = engineMemoryBytes
    self.corrections = corrections
  }

  /// The engine as it comes, with the asked model in a format the engine loads: where the model itself is in another,
  /// another file with the same weights in the same type, so that engines can be compared on one model.
  public var base: Candidate {
    let plain = EngineConfiguration(engine: engine)
    guard !abilities.formats.contains(model.format) else { return Candidate(configuration: plain, fidelity: .exact) }
    let twin = available.first {
      !model.variantGroup.isEmpty && $0.variantGroup == model.variantGroup && $0.weightType == model.weightType
    }
    guard let twin else {
      return Candidate(
        configuration: plain, fidelity: .exact,
        refusedReason:
          "\(model.name) is in \(model.format.rawValue) format, which \(engine) does not load, and its weights are not "
          + "here as \(abilities.formats.map(\.rawValue).sorted().joined(separator: " or "))")
    }
    return Candidate(
      configuration: EngineConfiguration(engine: engine, knobs: [.weightVariant: .text(twin.id.rawValue)]),
      fidelity: .exact)
  }

  /// The bytes an engine may take: the user's limit, but never more than the node has for engines.
  public var memoryLimitBytes: Int {
    min(limits.memoryBytes ?? .max, engineMemoryBytes ?? .max, hardware.memoryBytes)
  }
}

extension AccelerationContext {
  /// The GPUs that the engine computes on.
  var accelerators: [Accelerator] { hardware.accelerators(of: engine) }

  /// Why a method that needs so many GPUs does not apply; nil when they are there.
  func fewAccelerators(_ needed: Int) -> String? {
    let count = accelerators.count
    if count >= needed { return nil }
    if hardware.accelerators.isEmpty { return "this node has no GPU that Apus knows of" }
    return count == 0
      ? "\(engine) has no code for this node's GPU" : "this node has \(count) GPU, and it takes \(needed) to share work"
  }

  /// Why a method for GPUs does not apply; nil when there is one.
  var noAccelerators: String? { fewAccelerators(1) }

  /// Into how many parts work is shared: among all GPUs first, then among half of them.
  var partCounts: [Int] {
    let count = accelerators.count
    return [count, count / 2].filter { $0 >= 2 }
  }
}
