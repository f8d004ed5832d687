public import Acceleration
public import Serving

extension InferenceEngine {
  public var choices: [KnobName: Set<String>] { [:] }
  public var defaults: [KnobName: KnobValue] { [:] }

  /// What methods are told of this engine.
  public var abilities: EngineAbilities {
    let absences = MethodCatalogue.all.compactMap { method in
      support(of: method.name).absence.map { (method.name, $0) }
    }
    return EngineAbilities(
      knobs: knobs, absences: Dictionary(uniqueKeysWithValues: absences), choices: choices, defaults: defaults,
      acceleratorKnobs: acceleratorKnobs, formats: formats)
  }
}
