public import Serving

/// An engine that a worker is to load before a job asks for it.
public struct EngineWarmUp: Hashable, Sendable {
  public var model: ModelID
  public var configuration: EngineConfiguration
  /// For each slot, as `ContextBudget` has it for the jobs that are foreseen; the worker takes no more than the model's own.
  public var contextTokens: Int

  public init(model: ModelID, configuration: EngineConfiguration, contextTokens: Int) {
    self.model = model
    self.configuration = configuration
    self.contextTokens = contextTokens
  }
}
