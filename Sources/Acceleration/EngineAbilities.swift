public import Serving

/// What an engine can do, as its adapter says: all that methods need to know of engines.
public struct EngineAbilities: Hashable, Sendable {
  /// What the adapter can be told. A setting with another knob is refused.
  public var knobs: Set<KnobName>
  /// Methods of the catalogue that cannot be had, each with the reason.
  public var absences: [MethodName: String]
  /// The formats of models it loads. A model in another is refused, unless the same weights are here in one of these.
  public var formats: Set<ModelFormat>
  /// Texts a knob may have. A setting with another is refused; a knob that is not named here takes any.
  public var choices: [KnobName: Set<String>]
  /// What the engine does where a knob is not set, for knobs whose default settles what is worth trying.
  public var defaults: [KnobName: KnobValue]
  /// Of `knobs`, those that are about GPUs alone.
  public var acceleratorKnobs: Set<KnobName>

  public init(
    knobs: Set<KnobName>, absences: [MethodName: String] = [:], choices: [KnobName: Set<String>] = [:],
    defaults: [KnobName: KnobValue] = [:], acceleratorKnobs: Set<KnobName> = [], formats: Set<ModelFormat> = [.gguf]
  ) {
    self.knobs = knobs
    self.absences = absences
    self.choices = choices
    self.defaults = defaults
    self.acceleratorKnobs = acceleratorKnobs
    self.formats = formats
  }

  /// Why the engine cannot run a setting; nil when it can.
  func refusal(of setting: [KnobName: KnobValue], engine: EngineName) -> String? {
    let missing = Set(setting.keys).subtracting(knobs)
    if !missing.isEmpty { return Self.cannotBeTold(missing, engine: engine) }
    for (knob, value) in setting.sorted(by: { $0.key < $1.key }) {
      if let choices = choices[knob], let text = value.textValue, !choices.contains(text) {
        return "\(engine) has no \(knob)=\(text), only \(choices.sorted().joined(separator: ", "))"
      }
    }
    return setting.allSatisfy { defaults[$0.key] == $0.value } ? "\(engine) does so by default" : nil
  }

  static func cannotBeTold(_ knobs: Set<KnobName>, engine: EngineName) -> String {
    "\(engine) cannot be told \(knobs.sorted().map(\.rawValue).joined(separator: ", "))"
  }

  /// Of a server that is not ours: it runs as it is.
  public static let attached = EngineAbilities(
    knobs: [], absences: Dictionary(uniqueKeysWithValues: MethodCatalogue.all.map { ($0.name, attachedReason) }),
    formats: Set(ModelFormat.allCases))

  /// Why no method can be chosen for it.
  public static let attachedReason = "the server was started by somebody else"
}
