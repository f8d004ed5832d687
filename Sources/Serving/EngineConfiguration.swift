/// A strategy in full: the engine, the methods in use and every knob that differs from the engine's own default.
///
/// No knob means the engine's default, so the configuration without methods *is* the engine's default.
public struct EngineConfiguration: Hashable, Sendable {
  public var engine: EngineName
  /// Methods in use, sorted, without repeats.
  public private(set) var methods: [MethodName]
  public private(set) var knobs: [KnobName: KnobValue]

  public init(engine: EngineName, methods: [MethodName] = [], knobs: [KnobName: KnobValue] = [:]) {
    self.engine = engine
    self.methods = methods.count > 1 ? Set(methods).sorted() : methods
    self.knobs = knobs
  }

  /// The engine as it comes.
  public var isDefault: Bool { methods.isEmpty && knobs.isEmpty }

  /// This configuration with one more method and its knobs. A knob that is set already is replaced.
  public func adding(_ method: MethodName, _ added: [KnobName: KnobValue]) -> EngineConfiguration {
    EngineConfiguration(
      engine: engine, methods: methods + [method], knobs: knobs.merging(added) { _, new in new })
  }

  public subscript(knob: KnobName) -> KnobValue? { knobs[knob] }

  /// One line that is equal exactly when the configurations are: `llamacpp slot_count=8 thread_count=2`.
  public var fingerprint: String {
    let settings = knobs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return ([engine.rawValue] + settings).joined(separator: " ")
  }

  /// What a table shows: the engine, then the knobs that are set, the methods where none is, or `default`.
  public var label: String { label(modelNames: [:]) }

  /// - Parameter modelNames: by digest; models that are not among them are shown by the first 8 characters of theirs.
  public func label(modelNames: [ModelID: String]) -> String {
    if isDefault { return "\(engine) default" }
    if knobs.isEmpty { return ([engine.rawValue] + methods.map(\.rawValue)).joined(separator: " ") }
    let settings = knobs.sorted { $0.key < $1.key }.map { knob, value in
      let text = value.description
      return "\(knob)=\(modelNames[ModelID(text)] ?? (text.count > 16 ? String(text.prefix(8)) : text))"
    }
    return ([engine.rawValue] + settings).joined(separator: " ")
  }
}

extension EngineConfiguration: Codable {
  private enum Key: String, CodingKey { case engine, methods, knobs }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    let knobs = try values.decode([String: KnobValue].self, forKey: .knobs)
    self.init(
      engine: try values.decode(EngineName.self, forKey: .engine),
      methods: try values.decode([MethodName].self, forKey: .methods),
      knobs: Dictionary(uniqueKeysWithValues: knobs.map { (KnobName($0.key), $0.value) }))
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(engine, forKey: .engine)
    try values.encode(methods, forKey: .methods)
    try values.encode(
      Dictionary(uniqueKeysWithValues: knobs.map { ($0.key.rawValue, $0.value) }), forKey: .knobs)
  }
}

/// Whether a method may change the model's output.
public enum Fidelity: String, Codable, Sendable, Comparable {
  /// Keeps the output distribution.
  case exact
  /// May change it; only its measured quality loss says by how much.
  case approximate

  public static func < (a: Fidelity, b: Fidelity) -> Bool { a == .exact && b == .approximate }
}

/// A configuration proposed for a context: one that can run there, or one that cannot and why.
public struct Candidate: Hashable, Codable, Sendable {
  public var configuration: EngineConfiguration
  public var fidelity: Fidelity
  /// Why it cannot run here; nil when it can.
  public var refusedReason: String?

  public init(configuration: EngineConfiguration, fidelity: Fidelity, refusedReason: String? = nil) {
    self.configuration = configuration
    self.fidelity = fidelity
    self.refusedReason = refusedReason
  }

  public var isApplicable: Bool { refusedReason == nil }
}
