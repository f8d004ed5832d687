/// What one worker may use of its machine, measured by the worker itself when it starts.
public struct HardwareProfile: Hashable, Codable, Sendable {
  public var machine: MachineID
  /// As the processor names itself.
  public var processor: String
  /// Cores this worker may use: its CPU affinity, not the machine's count.
  public var coreCount: Int
  /// Lower-case flags that matter to engines, sorted: `avx2`, `avx512f`, `avx512_vnni`, `amx_int8`, ...
  public var instructionSets: [String]
  public var memoryBytes: Int
  /// Measured by reading an array larger than the last-level cache with all usable cores; bytes per second.
  public var memoryBandwidth: Double
  /// Measured single-precision matrix product with all usable cores; floating-point operations per second.
  public var gemmRate: Double
  public var accelerators: [Accelerator]

  public init(
    machine: MachineID, processor: String, coreCount: Int, instructionSets: [String], memoryBytes: Int,
    memoryBandwidth: Double, gemmRate: Double, accelerators: [Accelerator] = []
  ) {
    self.machine = machine
    self.processor = processor
    self.coreCount = coreCount
    self.instructionSets = instructionSets
    self.memoryBytes = memoryBytes
    self.memoryBandwidth = memoryBandwidth
    self.gemmRate = gemmRate
    self.accelerators = accelerators
  }

  /// Equal for workers on which a measurement means the same: processor, cores, instruction sets, memory, accelerators.
  public var fingerprint: String {
    let gigabytes = (memoryBytes + (1 << 29)) >> 30
    let devices = accelerators.map { "\($0.name):\($0.memoryBytes >> 30)" }.joined(separator: "+")
    return "\(processor)|\(coreCount)c|\(gigabytes)G|\(instructionSets.joined(separator: ","))|\(devices)"
  }

  /// Equal for machines that differ in how much there is of them alone: cores, memory, number of accelerators.
  public var kind: String {
    let devices = Set(accelerators.map(\.name)).sorted().joined(separator: "+")
    return "\(processor)|\(devices)"
  }
}

/// An engine of a worker: one it found on its machine, or a server it was attached to.
public struct EngineDescription: Hashable, Codable, Sendable {
  public var name: EngineName
  /// As the engine or its package says; part of every measurement.
  public var version: String
  /// What a server that somebody else started serves. Nil for an engine the worker starts itself, which takes any of the
  /// worker's models whose files it can load.
  public var attachedModels: [ModelID]?
  /// Its builds for sets of instructions that are installed, each tried once. Empty for an engine that has no such choice.
  public var builds: [EngineBuild]

  public init(name: EngineName, version: String, attachedModels: [ModelID]? = nil, builds: [EngineBuild] = []) {
    self.name = name
    self.version = version
    self.attachedModels = attachedModels
    self.builds = builds
  }

  /// Whether its configuration is not ours to choose.
  public var isAttached: Bool { attachedModels != nil }
}

/// An installed build of an engine for a set of instructions.
public struct EngineBuild: Hashable, Codable, Sendable {
  /// As the knob `isa_build` names it, such as `avx512`.
  public var name: String
  /// How it failed when it was tried on its machine; nil for one that runs there.
  public var fault: String?

  public init(name: String, fault: String? = nil) {
    self.name = name
    self.fault = fault
  }
}
