import CMessages
import Serving

// The outermost message of Schemas/messages.proto.

extension Message: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Envelope>) { apus__envelope__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Envelope>, _ arena: Arena) throws(CodecError) {
    switch self {
    case .hello(let hello):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_HELLO
      c.pointee.hello = try arena.message(hello)
    case .welcome(let welcome):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_WELCOME
      c.pointee.welcome = try arena.message(welcome)
    case .refused(let error):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_REFUSED
      c.pointee.refused = try arena.message(error)
    case .heartbeat(let heartbeat):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_HEARTBEAT
      c.pointee.heartbeat = try arena.message(heartbeat)
    case .tokens(let chunk):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_TOKENS
      c.pointee.tokens = try arena.message(chunk)
    case .report(let report):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_REPORT
      c.pointee.report = try arena.message(report)
    case .modelOffset(let offset):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_MODEL_OFFSET
      c.pointee.model_offset = try arena.message(offset)
    case .launchAnswer(let answer):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_LAUNCH_ANSWER
      c.pointee.launch_answer = try arena.message(answer)
    case .hostingAnswer(let answer):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_HOSTING_ANSWER
      c.pointee.hosting_answer = try arena.message(answer)
    case .placementReport(let report):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_PLACEMENT_REPORT
      c.pointee.placement_report = try arena.message(report)
    case .launchQuery(let id, let query):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_LAUNCH_QUERY
      c.pointee.launch_query = try arena.message(NumberedLaunchQuery(id: id, query: query))
    case .warmUp(let warmUp):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_WARM_UP
      c.pointee.warm_up = try arena.message(warmUp)
    case .assignment(let assignment):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_ASSIGNMENT
      c.pointee.assignment = try arena.message(assignment)
    case .reportStored(let measurement):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_REPORT_STORED
      c.pointee.report_stored = try arena.text(measurement)
    case .revoke(let lease):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_REVOKE
      c.pointee.revoke = try arena.text(lease)
    case .modelChunk(let chunk):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_MODEL_CHUNK
      c.pointee.model_chunk = try arena.message(chunk)
    case .request(let id, let request):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_REQUEST
      c.pointee.request = try arena.message(NumberedRequest(id: id, request: request))
    case .response(let id, let response):
      c.pointee.kind_case = APUS__ENVELOPE__KIND_RESPONSE
      c.pointee.response = try arena.message(NumberedResponse(id: id, response: response))
    }
  }

  init(reading c: UnsafePointer<Apus__Envelope>) throws(CodecError) {
    switch c.pointee.kind_case {
    case APUS__ENVELOPE__KIND_HELLO: self = .hello(try Wire.message(c.pointee.hello, "Envelope.hello"))
    case APUS__ENVELOPE__KIND_WELCOME: self = .welcome(try Wire.message(c.pointee.welcome, "Envelope.welcome"))
    case APUS__ENVELOPE__KIND_REFUSED: self = .refused(try Wire.message(c.pointee.refused, "Envelope.refused"))
    case APUS__ENVELOPE__KIND_HEARTBEAT: self = .heartbeat(try Wire.message(c.pointee.heartbeat, "Envelope.heartbeat"))
    case APUS__ENVELOPE__KIND_TOKENS: self = .tokens(try Wire.message(c.pointee.tokens, "Envelope.tokens"))
    case APUS__ENVELOPE__KIND_REPORT: self = .report(try Wire.message(c.pointee.report, "Envelope.report"))
    case APUS__ENVELOPE__KIND_MODEL_OFFSET:
      self = .modelOffset(try Wire.message(c.pointee.model_offset, "Envelope.model_offset"))
    case APUS__ENVELOPE__KIND_ASSIGNMENT:
      self = .assignment(try Wire.message(c.pointee.assignment, "Envelope.assignment"))
    case APUS__ENVELOPE__KIND_REPORT_STORED:
      self = .reportStored(try Wire.id(c.pointee.report_stored, "Envelope.report_stored"))
    case APUS__ENVELOPE__KIND_REVOKE: self = .revoke(try Wire.id(c.pointee.revoke, "Envelope.revoke"))
    case APUS__ENVELOPE__KIND_MODEL_CHUNK:
      self = .modelChunk(try Wire.message(c.pointee.model_chunk, "Envelope.model_chunk"))
    case APUS__ENVELOPE__KIND_LAUNCH_QUERY:
      let numbered: NumberedLaunchQuery = try Wire.message(c.pointee.launch_query, "Envelope.launch_query")
      self = .launchQuery(id: numbered.id, numbered.query)
    case APUS__ENVELOPE__KIND_WARM_UP: self = .warmUp(try Wire.message(c.pointee.warm_up, "Envelope.warm_up"))
    case APUS__ENVELOPE__KIND_LAUNCH_ANSWER:
      self = .launchAnswer(try Wire.message(c.pointee.launch_answer, "Envelope.launch_answer"))
    case APUS__ENVELOPE__KIND_HOSTING_ANSWER:
      self = .hostingAnswer(try Wire.message(c.pointee.hosting_answer, "Envelope.hosting_answer"))
    case APUS__ENVELOPE__KIND_PLACEMENT_REPORT:
      self = .placementReport(try Wire.message(c.pointee.placement_report, "Envelope.placement_report"))
    case APUS__ENVELOPE__KIND_REQUEST:
      let numbered: NumberedRequest = try Wire.message(c.pointee.request, "Envelope.request")
      self = .request(id: numbered.id, numbered.request)
    case APUS__ENVELOPE__KIND_RESPONSE:
      let numbered: NumberedResponse = try Wire.message(c.pointee.response, "Envelope.response")
      self = .response(id: numbered.id, numbered.response)
    default:
      let unknown = c.pointee.base.n_unknown_fields > 0 ? c.pointee.base.unknown_fields[0].tag : 0
      throw .unknownKind(Int(unknown))
    }
  }
}

/// What can be told of a hello of any version: enough to refuse it by name.
struct HelloOfAnyVersion: WireValue {
  var version: UInt32
  var role: PeerRole

  static func initialize(_ c: UnsafeMutablePointer<Apus__EnvelopeOfAnyVersion>) {
    apus__envelope_of_any_version__init(c)
  }

  func write(to c: UnsafeMutablePointer<Apus__EnvelopeOfAnyVersion>, _ arena: Arena) throws(CodecError) {
    let hello = try arena.array(of: Apus__HelloOfAnyVersion.self, 1)
    apus__hello_of_any_version__init(hello)
    hello.pointee.version = version
    hello.pointee.role = role.wireNumber
    c.pointee.hello = hello
  }

  init(reading c: UnsafePointer<Apus__EnvelopeOfAnyVersion>) throws(CodecError) {
    guard let hello = c.pointee.hello else { throw .malformed }
    version = hello.pointee.version
    // A role this version does not know matters to nobody: the version alone decides.
    role = hello.pointee.role == PeerRole.worker.wireNumber ? .worker : .client
  }
}
