public import Acceleration
import Serving

extension InferenceEngine {
  /// What methods are told of this engine.
  public var abilities: EngineAbilities {
    let absences = MethodCatalogue.all.compactMap { method in support(of: method.name).absence.map { (method.name, $0) }
    }
    return EngineAbilities(knobs: knobs, absences: Dictionary(uniqueKeysWithValues: absences), formats: formats)
  }
}
