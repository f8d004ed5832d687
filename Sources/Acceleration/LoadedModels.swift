public import Serving

/// The files a configuration really loads: the weight variant in place of the asked model, and the draft model.
public struct LoadedModels: Sendable {
  public var target: ModelProfile
  /// Nil without a draft, or when it is not among the available models.
  public var draft: ModelProfile?
  /// Whether every file the configuration names was found. When not, `target` is the asked model.
  public var isComplete = true

  public init(_ settings: EngineSettings, asked: ModelProfile, available: [ModelProfile]) {
    target = asked
    if let id = settings.weightVariant, id != asked.id.rawValue {
      if let variant = available.first(where: { $0.id.rawValue == id }) {
        target = variant
      } else {
        isComplete = false
      }
    }
    if let id = settings.draftModel {
      draft = available.first { $0.id.rawValue == id }
      isComplete = isComplete && draft != nil
    }
  }
}
