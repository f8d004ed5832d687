public import Serving

/// What an engine can do, as its adapter says: all that methods need to know of engines.
public struct EngineAbilities: Hashable, Sendable {
  /// What the adapter can be told. A method that needs another knob is refused.
  public var knobs: Set<KnobName>
  /// Methods of the catalogue that cannot be had, each with the reason.
  public var absences: [MethodName: String]

  public init(knobs: Set<KnobName>, absences: [MethodName: String] = [:]) {
    self.knobs = knobs
    self.absences = absences
  }
}
