import Acceleration
import Serving

/// Reads the knobs of a configuration, each with its type and range. An adapter's launch plan uses it, so that every
/// engine refuses a bad knob in the same words.
struct KnobReader {
  private let configuration: EngineConfiguration
  private let knownKnobs: Set<KnobName>

  /// - Throws: `badInput` when a knob is not known, or values of different knobs exclude each other or need one another.
  init(_ configuration: EngineConfiguration, knownKnobs: Set<KnobName>) throws(ApusError) {
    self.configuration = configuration
    self.knownKnobs = knownKnobs
    for knob in configuration.knobs.keys.sorted() where !knownKnobs.contains(knob) {
      throw ApusError(
        .badInput, "the engine \(configuration.engine) has no knob \(knob)",
        advice: "It has \(knownKnobs.sorted().map(\.rawValue).joined(separator: ", ")).")
    }
    if let violation = KnobRules.violation(of: configuration.knobs) {
      throw ApusError(.badInput, violation, advice: "Change or leave out one of the knobs named.")
    }
    // Which file is loaded was decided before; here the knob only has to be a text.
    _ = try text(.weightVariant)
  }

  func int(_ knob: KnobName, in range: ClosedRange<Int>) throws(ApusError) -> Int? {
    guard let value = configuration[knob] else { return nil }
    guard let number = value.intValue, range.contains(number) else {
      throw refusal(knob, value, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func bool(_ knob: KnobName) throws(ApusError) -> Bool? {
    guard let value = configuration[knob] else { return nil }
    guard let bool = value.boolValue else { throw refusal(knob, value, "true or false") }
    return bool
  }

  func double(_ knob: KnobName, in range: ClosedRange<Double>) throws(ApusError) -> Double? {
    guard let value = configuration[knob] else { return nil }
    guard let number = value.number, range.contains(number) else {
      throw refusal(knob, value, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A text of a form that a pattern of `Regex` matches as a whole.
  func text(_ knob: KnobName, matching pattern: Regex<Substring>, _ form: String) throws(ApusError) -> String? {
    guard let value = configuration[knob] else { return nil }
    guard let text = value.textValue, text.wholeMatch(of: pattern) != nil else { throw refusal(knob, value, form) }
    return text
  }

  func text(_ knob: KnobName, oneOf allowed: [String]? = nil) throws(ApusError) -> String? {
    guard let value = configuration[knob] else { return nil }
    guard let text = value.textValue, allowed?.contains(text) ?? true else {
      throw refusal(knob, value, allowed.map { "one of " + $0.joined(separator: ", ") } ?? "a text")
    }
    return text
  }

  /// The type of the cache of an engine that has one option for keys and values: f16, fp8, or nil for its default.
  func cacheType() throws(ApusError) -> String? {
    let types = ["f16", "fp8"]
    let keys = try text(.keyCacheType, oneOf: types)
    let values = try text(.valueCacheType, oneOf: types)
    guard keys == values else {
      throw ApusError(
        .badInput,
        "key_cache_type=\(keys ?? "unset") with value_cache_type=\(values ?? "unset"): "
          + "\(configuration.engine) has one type for both",
        advice: "Set both to \(keys ?? values ?? "fp8").")
    }
    return keys
  }

  /// - Throws: `badInput` unless the condition of another knob holds.
  func require(_ knob: KnobName, _ holds: Bool, _ condition: String) throws(ApusError) {
    if !holds {
      throw ApusError(
        .badInput, "\(knob) is set without \(condition)", advice: "Add \(condition), or leave \(knob) out.")
    }
  }

  private func refusal(_ knob: KnobName, _ value: KnobValue, _ expected: String) -> ApusError {
    ApusError(
      .badInput, "\(knob)=\(value) is not \(expected)", advice: "See `apus methods --engine \(configuration.engine)`.")
  }
}
