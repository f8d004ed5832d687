import CMessages
import Serving

// What a coordinator and its workers say to each other, in Schemas/messages.proto.

extension FailureKind: WireChoice {
  static var choices: [FailureKind] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .contextExceeded: APUS__FAILURE_KIND__FAILURE_KIND_CONTEXT_EXCEEDED.rawValue
    case .toolsRefused: APUS__FAILURE_KIND__FAILURE_KIND_TOOLS_REFUSED.rawValue
    }
  }
}

extension ApusError: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Failure>) { apus__failure__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Failure>, _ arena: Arena) throws(CodecError) {
    c.pointee.code = code.rawValue
    c.pointee.reason = try arena.text(reason)
    c.pointee.advice = try arena.text(advice)
    c.pointee.kind = Apus__FailureKind(rawValue: kind?.wireNumber ?? 0)
  }

  init(reading c: UnsafePointer<Apus__Failure>) throws(CodecError) {
    guard let code = FailureCode(rawValue: c.pointee.code) else {
      throw .invalid(field: "Failure.code", problem: "has the unknown value \(c.pointee.code)")
    }
    self.init(
      code, try Wire.text(c.pointee.reason, "Failure.reason"),
      advice: try Wire.text(c.pointee.advice, "Failure.advice"), kind: Wire.knownChoice(c.pointee.kind.rawValue))
  }
}

extension PeerRole: WireChoice {
  static var choices: [PeerRole] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .worker: APUS__PEER_ROLE__PEER_ROLE_WORKER.rawValue
    case .client: APUS__PEER_ROLE__PEER_ROLE_CLIENT.rawValue
    }
  }
}

extension Hello: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Hello>) { apus__hello__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Hello>, _ arena: Arena) throws(CodecError) {
    c.pointee.version = version
    c.pointee.role = Apus__PeerRole(rawValue: role.wireNumber)
    c.pointee.worker = try arena.message(worker)
  }

  init(reading c: UnsafePointer<Apus__Hello>) throws(CodecError) {
    self.init(
      version: c.pointee.version,
      role: try Wire.choice(c.pointee.role.rawValue, "Hello.role"),
      worker: try Wire.optional(c.pointee.worker))
  }
}

extension Welcome: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Welcome>) { apus__welcome__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Welcome>, _ arena: Arena) throws(CodecError) {
    c.pointee.version = version
    c.pointee.peer = try arena.text(peer)
    c.pointee.heartbeat_ms = try arena.count(heartbeatMS, "Welcome.heartbeat_ms")
  }

  init(reading c: UnsafePointer<Apus__Welcome>) throws(CodecError) {
    self.init(
      version: c.pointee.version,
      peer: try Wire.text(c.pointee.peer, "Welcome.peer"),
      heartbeatMS: try Wire.count(c.pointee.heartbeat_ms, "Welcome.heartbeat_ms"))
  }
}

extension Heartbeat: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Heartbeat>) { apus__heartbeat__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Heartbeat>, _ arena: Arena) throws(CodecError) {
    c.pointee.n_leases = leases.count
    c.pointee.leases = try arena.texts(leases)
    c.pointee.n_warm_configurations = warmConfigurations.count
    c.pointee.warm_configurations = try arena.texts(warmConfigurations)
    c.pointee.warming_configuration = try arena.optionalText(warmingConfiguration)
    c.pointee.is_stopping = isStopping ? 1 : 0
  }

  init(reading c: UnsafePointer<Apus__Heartbeat>) throws(CodecError) {
    self.init(
      leases: try Wire.ids(c.pointee.leases, c.pointee.n_leases, "Heartbeat.leases"),
      warmConfigurations: try Wire.texts(
        c.pointee.warm_configurations, c.pointee.n_warm_configurations, "Heartbeat.warm_configurations"),
      warmingConfiguration: try Wire.text(c.pointee.warming_configuration, "Heartbeat.warming_configuration"),
      isStopping: c.pointee.is_stopping != 0)
  }
}

extension EngineWarmUp: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__EngineWarmUp>) { apus__engine_warm_up__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__EngineWarmUp>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.configuration = try arena.message(configuration)
    c.pointee.context_tokens = try arena.count(contextTokens, "EngineWarmUp.context_tokens")
  }

  init(reading c: UnsafePointer<Apus__EngineWarmUp>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "EngineWarmUp.model"),
      configuration: try Wire.message(c.pointee.configuration, "EngineWarmUp.configuration"),
      contextTokens: try Wire.count(c.pointee.context_tokens, "EngineWarmUp.context_tokens"))
  }
}

extension Report: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Report>) { apus__report__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Report>, _ arena: Arena) throws(CodecError) {
    c.pointee.lease = try arena.text(lease)
    c.pointee.measurement = try arena.message(measurement)
    c.pointee.is_last = isLast ? 1 : 0
    c.pointee.output = try arena.text(output)
    c.pointee.finish_reason = Apus__FinishReason(rawValue: finishReason?.wireNumber ?? 0)
    c.pointee.n_tool_calls = toolCalls.count
    c.pointee.tool_calls = try arena.messages(toolCalls)
  }

  init(reading c: UnsafePointer<Apus__Report>) throws(CodecError) {
    self.init(
      lease: try Wire.id(c.pointee.lease, "Report.lease"),
      measurement: try Wire.message(c.pointee.measurement, "Report.measurement"),
      isLast: c.pointee.is_last != 0,
      output: try Wire.text(c.pointee.output, "Report.output"),
      finishReason: Wire.knownChoice(c.pointee.finish_reason.rawValue),
      toolCalls: try Wire.messages(c.pointee.tool_calls, c.pointee.n_tool_calls, "Report.tool_calls"))
  }
}

extension Assignment: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Assignment>) { apus__assignment__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Assignment>, _ arena: Arena) throws(CodecError) {
    c.pointee.lease = try arena.text(lease)
    switch work {
    case .job(let job):
      c.pointee.work_case = APUS__ASSIGNMENT__WORK_JOB
      c.pointee.job = try arena.message(job)
    case .trial(let trial):
      c.pointee.work_case = APUS__ASSIGNMENT__WORK_TRIAL
      c.pointee.trial = try arena.message(trial)
    case .hosting(let hosting):
      c.pointee.work_case = APUS__ASSIGNMENT__WORK_HOSTING
      c.pointee.hosting = try arena.message(hosting)
    case .placement(let placement):
      c.pointee.work_case = APUS__ASSIGNMENT__WORK_PLACEMENT
      c.pointee.placement = try arena.message(placement)
    }
  }

  init(reading c: UnsafePointer<Apus__Assignment>) throws(CodecError) {
    let work: Work
    switch c.pointee.work_case {
    case APUS__ASSIGNMENT__WORK_JOB: work = .job(try Wire.message(c.pointee.job, "Assignment.job"))
    case APUS__ASSIGNMENT__WORK_TRIAL: work = .trial(try Wire.message(c.pointee.trial, "Assignment.trial"))
    case APUS__ASSIGNMENT__WORK_HOSTING: work = .hosting(try Wire.message(c.pointee.hosting, "Assignment.hosting"))
    case APUS__ASSIGNMENT__WORK_PLACEMENT:
      work = .placement(try Wire.message(c.pointee.placement, "Assignment.placement"))
    default: throw .invalid(field: "Assignment.work", problem: "is missing")
    }
    self.init(lease: try Wire.id(c.pointee.lease, "Assignment.lease"), work: work)
  }
}
