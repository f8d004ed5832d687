import Serving

/// What makes two configurations run the same: engine and knobs. The methods follow from the knobs.
struct ConfigurationKey: Hashable, Sendable {
  let engine: EngineName
  let knobs: [KnobName: KnobValue]

  init(_ configuration: EngineConfiguration) {
    engine = configuration.engine
    knobs = configuration.knobs
  }
}
