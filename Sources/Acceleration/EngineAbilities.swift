public import Serving

/// What an engine can do, as its adapter says: all that methods need to know of engines.
public struct EngineAbilities: Hashable, Sendable {
  /// What the adapter can be told. A method that needs another knob is refused.
  public var knobs: Set<KnobName>
  /// Methods of the catalogue that cannot be had, each with the reason.
  public var absences: [MethodName: String]
  /// The formats of models it loads. A model in another is refused, unless the same weights are here in one of these.
  public var formats: Set<ModelFormat>

  public init(
    knobs: Set<KnobName>, absences: [MethodName: String] = [:], formats: Set<ModelFormat> = [.gguf]
  ) {
    self.knobs = knobs
    self.absences = absences
    self.formats = formats
  }

  /// Of a server that is not ours: it runs as it is.
  public static let attached = EngineAbilities(
    knobs: [], absences: Dictionary(uniqueKeysWithValues: MethodCatalogue.all.map { ($0.name, attachedReason) }))

  /// Why no method can be chosen for it.
  public static let attachedReason = "the server was started by somebody else"
}
