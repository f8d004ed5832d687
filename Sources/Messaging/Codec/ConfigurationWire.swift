import CMessages
import Serving

// Engine configurations and candidates in Schemas/messages.proto.

extension Fidelity: WireChoice {
  static var choices: [Fidelity] { [.exact, .approximate] }

  var wireNumber: UInt32 {
    switch self {
    case .exact: APUS__FIDELITY__FIDELITY_EXACT.rawValue
    case .approximate: APUS__FIDELITY__FIDELITY_APPROXIMATE.rawValue
    }
  }
}

extension Arena {
  fileprivate func knob(
    _ name: KnobName, _ value: KnobValue
  ) throws(CodecError) -> UnsafeMutablePointer<Apus__Knob> {
    let c = try array(of: Apus__Knob.self, 1)
    apus__knob__init(c)
    c.pointee.name = try text(name)
    switch value {
    case .bool(let truth):
      c.pointee.value_case = APUS__KNOB__VALUE_TRUTH
      c.pointee.truth = truth ? 1 : 0
    case .int(let integer):
      c.pointee.value_case = APUS__KNOB__VALUE_INTEGER
      c.pointee.integer = Int64(integer)
    case .double(let real):
      c.pointee.value_case = APUS__KNOB__VALUE_REAL
      c.pointee.real = try Wire.number(real, "Knob.real")
    case .text(let words):
      c.pointee.value_case = APUS__KNOB__VALUE_TEXT
      c.pointee.text = try text(words)
    }
    return c
  }
}

extension Wire {
  fileprivate static func knobValue(_ c: UnsafePointer<Apus__Knob>) throws(CodecError) -> KnobValue {
    switch c.pointee.value_case {
    case APUS__KNOB__VALUE_TRUTH: .bool(c.pointee.truth != 0)
    case APUS__KNOB__VALUE_INTEGER: .int(Int(c.pointee.integer))
    case APUS__KNOB__VALUE_REAL: .double(try number(c.pointee.real, "Knob.real"))
    case APUS__KNOB__VALUE_TEXT: .text(try text(c.pointee.text, "Knob.text"))
    default: throw .invalid(field: "Knob.value", problem: "is missing")
    }
  }
}

extension EngineConfiguration: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__EngineConfiguration>) { apus__engine_configuration__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__EngineConfiguration>, _ arena: Arena) throws(CodecError) {
    c.pointee.engine = try arena.text(engine)
    c.pointee.n_methods = methods.count
    c.pointee.methods = try arena.texts(methods)
    guard !knobs.isEmpty else { return }
    let pointers = try arena.array(of: UnsafeMutablePointer<Apus__Knob>?.self, knobs.count)
    for (index, entry) in knobs.enumerated() {
      (pointers + index).initialize(to: try arena.knob(entry.key, entry.value))
    }
    c.pointee.n_knobs = knobs.count
    c.pointee.knobs = pointers
  }

  init(reading c: UnsafePointer<Apus__EngineConfiguration>) throws(CodecError) {
    let methods: [MethodName] = try Wire.ids(c.pointee.methods, c.pointee.n_methods, "EngineConfiguration.methods")
    var knobs: [KnobName: KnobValue] = [:]
    for index in 0..<c.pointee.n_knobs {
      guard let knob = c.pointee.knobs[index] else { continue }
      let name: KnobName = try Wire.id(knob.pointee.name, "Knob.name")
      guard knobs.updateValue(try Wire.knobValue(knob), forKey: name) == nil else {
        throw .invalid(field: "EngineConfiguration.knobs", problem: "names \(name) twice")
      }
    }
    self.init(engine: try Wire.id(c.pointee.engine, "EngineConfiguration.engine"), methods: methods, knobs: knobs)
  }
}

extension Candidate: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Candidate>) { apus__candidate__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Candidate>, _ arena: Arena) throws(CodecError) {
    c.pointee.configuration = try arena.message(configuration)
    c.pointee.fidelity = Apus__Fidelity(rawValue: fidelity.wireNumber)
    c.pointee.refused_reason = try arena.optionalText(refusedReason)
  }

  init(reading c: UnsafePointer<Apus__Candidate>) throws(CodecError) {
    self.init(
      configuration: try Wire.message(c.pointee.configuration, "Candidate.configuration"),
      fidelity: try Wire.choice(c.pointee.fidelity.rawValue, "Candidate.fidelity"),
      refusedReason: try Wire.text(c.pointee.refused_reason, "Candidate.refused_reason"))
  }
}
