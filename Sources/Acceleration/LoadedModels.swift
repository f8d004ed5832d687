public import Serving

/// The files a configuration really loads: the weight variant in place of the asked model, and the draft model.
public struct LoadedModels: Sendable {
  public var target: ModelProfile
  /// Nil without speculation, or when the draft is not among the available models.
  public var draft: ModelProfile?
  /// Whether every file the configuration names was found. When not, `target` is the asked model.
  public var isComplete: Bool

  public init(_ configuration: EngineConfiguration, asked: ModelProfile, available: [ModelProfile])
  {
    target = asked
    isComplete = true
    guard !configuration.knobs.isEmpty else { return }
    if let id = configuration[.weightVariant]?.textValue, id != asked.id.rawValue {
      let variant = available.first { $0.id.rawValue == id }
      target = variant ?? asked
      isComplete = variant != nil
    }
    if let id = configuration[.draftModel]?.textValue {
      draft = available.first { $0.id.rawValue == id }
      isComplete = isComplete && draft != nil
    }
  }
}
