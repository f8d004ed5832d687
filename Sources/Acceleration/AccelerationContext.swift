public import Serving

/// What a method must know to say whether and how it applies: model, hardware, engine, workload and limits.
public struct AccelerationContext: Sendable {
  /// The model that was asked for.
  public var model: ModelProfile
  /// Every model on the node: where weight variants and draft models are found.
  public var available: [ModelProfile]
  public var hardware: HardwareProfile
  public var engine: EngineName
  public var abilities: EngineAbilities
  public var workload: Workload
  public var limits: Limits

  public init(
    model: ModelProfile, available: [ModelProfile], hardware: HardwareProfile, engine: EngineName,
    abilities: EngineAbilities, workload: Workload, limits: Limits
  ) {
    self.model = model
    self.available = available
    self.hardware = hardware
    self.engine = engine
    self.abilities = abilities
    self.workload = workload
    self.limits = limits
  }

  /// The bytes an engine may take: the user's limit, but never more than the worker has.
  public var memoryLimitBytes: Int { min(limits.memoryBytes ?? .max, hardware.memoryBytes) }
}
