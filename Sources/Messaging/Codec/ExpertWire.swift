import CMessages
import Serving

// Headers of expert traffic in Schemas/messages.proto.

extension ExpertMessage: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertEnvelope>) { apus__expert_envelope__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertEnvelope>, _ arena: Arena) throws(CodecError) {
    switch self {
    case .hello(let version):
      let hello = try arena.array(of: Apus__ExpertHello.self, 1)
      apus__expert_hello__init(hello)
      hello.pointee.version = version
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_HELLO
      c.pointee.hello = hello
    case .facts(let facts):
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_FACTS
      c.pointee.facts = try arena.message(facts)
    case .load(let change):
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_LOAD
      c.pointee.load = try arena.message(change)
    case .loaded(let loaded):
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_LOADED
      c.pointee.loaded = try arena.message(loaded)
    case .drop(let change):
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_DROP
      c.pointee.drop = try arena.message(change)
    case .batch(let header):
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_BATCH
      c.pointee.batch = try arena.message(header)
    case .sums(let header):
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_SUMS
      c.pointee.sums = try arena.message(header)
    case .refusal(let id, let error):
      let refusal = try arena.array(of: Apus__ExpertRefusal.self, 1)
      apus__expert_refusal__init(refusal)
      refusal.pointee.id = id
      refusal.pointee.failure = try arena.message(error)
      c.pointee.kind_case = APUS__EXPERT_ENVELOPE__KIND_REFUSAL
      c.pointee.refusal = refusal
    }
  }

  init(reading c: UnsafePointer<Apus__ExpertEnvelope>) throws(CodecError) {
    switch c.pointee.kind_case {
    case APUS__EXPERT_ENVELOPE__KIND_HELLO:
      guard let hello = c.pointee.hello else { throw .malformed }
      self = .hello(version: hello.pointee.version)
    case APUS__EXPERT_ENVELOPE__KIND_FACTS:
      self = .facts(try Wire.message(c.pointee.facts, "ExpertEnvelope.facts"))
    case APUS__EXPERT_ENVELOPE__KIND_LOAD:
      self = .load(try Wire.message(c.pointee.load, "ExpertEnvelope.load"))
    case APUS__EXPERT_ENVELOPE__KIND_LOADED:
      self = .loaded(try Wire.message(c.pointee.loaded, "ExpertEnvelope.loaded"))
    case APUS__EXPERT_ENVELOPE__KIND_DROP:
      self = .drop(try Wire.message(c.pointee.drop, "ExpertEnvelope.drop"))
    case APUS__EXPERT_ENVELOPE__KIND_BATCH:
      self = .batch(try Wire.message(c.pointee.batch, "ExpertEnvelope.batch"))
    case APUS__EXPERT_ENVELOPE__KIND_SUMS:
      self = .sums(try Wire.message(c.pointee.sums, "ExpertEnvelope.sums"))
    case APUS__EXPERT_ENVELOPE__KIND_REFUSAL:
      guard let refusal = c.pointee.refusal else { throw .malformed }
      self = .refusal(
        id: refusal.pointee.id, try Wire.message(refusal.pointee.failure, "ExpertRefusal.failure"))
    default:
      let unknown = c.pointee.base.n_unknown_fields > 0 ? c.pointee.base.unknown_fields[0].tag : 0
      throw .unknownKind(Int(unknown))
    }
  }
}

extension ExpertFacts: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertFacts>) { apus__expert_facts__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertFacts>, _ arena: Arena) throws(CodecError) {
    c.pointee.layer_count = try arena.count(layerCount, "ExpertFacts.layer_count")
    c.pointee.expert_count = try arena.count(expertCount, "ExpertFacts.expert_count")
    c.pointee.hidden_size = try arena.count(hiddenSize, "ExpertFacts.hidden_size")
    c.pointee.intermediate_size = try arena.count(intermediateSize, "ExpertFacts.intermediate_size")
    c.pointee.loaded_bytes = try arena.count(loadedBytes, "ExpertFacts.loaded_bytes")
  }

  init(reading c: UnsafePointer<Apus__ExpertFacts>) throws(CodecError) {
    self.init(
      layerCount: try Wire.count(c.pointee.layer_count, "ExpertFacts.layer_count"),
      expertCount: try Wire.count(c.pointee.expert_count, "ExpertFacts.expert_count"),
      hiddenSize: try Wire.count(c.pointee.hidden_size, "ExpertFacts.hidden_size"),
      intermediateSize: try Wire.count(c.pointee.intermediate_size, "ExpertFacts.intermediate_size"),
      loadedBytes: try Wire.count(c.pointee.loaded_bytes, "ExpertFacts.loaded_bytes"))
  }
}

extension ExpertChange: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertChange>) { apus__expert_change__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertChange>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    c.pointee.layer = try arena.count(layer, "ExpertChange.layer")
    c.pointee.n_experts = experts.count
    c.pointee.experts = try arena.counts(experts, "ExpertChange.experts")
    c.pointee.cut_start = try arena.count(cut.lowerBound, "ExpertChange.cut_start")
    c.pointee.cut_end = try arena.count(cut.upperBound, "ExpertChange.cut_end")
  }

  init(reading c: UnsafePointer<Apus__ExpertChange>) throws(CodecError) {
    self.init(
      id: c.pointee.id, layer: try Wire.count(c.pointee.layer, "ExpertChange.layer"),
      experts: try Wire.counts(c.pointee.experts, c.pointee.n_experts, "ExpertChange.experts"),
      cut: try Wire.span(c.pointee.cut_start, c.pointee.cut_end, "ExpertChange.cut_end"))
  }
}

extension ExpertLoaded: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertLoaded>) { apus__expert_loaded__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertLoaded>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    c.pointee.moved_bytes = try arena.count(movedBytes, "ExpertLoaded.moved_bytes")
    c.pointee.loaded_bytes = try arena.count(loadedBytes, "ExpertLoaded.loaded_bytes")
    c.pointee.seconds = try Wire.number(seconds, "ExpertLoaded.seconds")
  }

  init(reading c: UnsafePointer<Apus__ExpertLoaded>) throws(CodecError) {
    self.init(
      id: c.pointee.id, movedBytes: try Wire.count(c.pointee.moved_bytes, "ExpertLoaded.moved_bytes"),
      loadedBytes: try Wire.count(c.pointee.loaded_bytes, "ExpertLoaded.loaded_bytes"),
      seconds: try Wire.number(c.pointee.seconds, "ExpertLoaded.seconds"))
  }
}

extension ExpertBatchHeader: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertBatch>) { apus__expert_batch__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertBatch>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    c.pointee.layer = try arena.count(layer, "ExpertBatch.layer")
    c.pointee.cut_start = try arena.count(cut.lowerBound, "ExpertBatch.cut_start")
    c.pointee.cut_end = try arena.count(cut.upperBound, "ExpertBatch.cut_end")
    c.pointee.row_count = try arena.count(rowCount, "ExpertBatch.row_count")
    c.pointee.first_row = try arena.count(rows.lowerBound, "ExpertBatch.first_row")
    c.pointee.part_row_count = try arena.count(rows.count, "ExpertBatch.part_row_count")
    c.pointee.part_pair_count = try arena.count(pairCount, "ExpertBatch.part_pair_count")
  }

  init(reading c: UnsafePointer<Apus__ExpertBatch>) throws(CodecError) {
    let first = try Wire.count(c.pointee.first_row, "ExpertBatch.first_row")
    let count = try Wire.count(c.pointee.part_row_count, "ExpertBatch.part_row_count")
    let rowCount = try Wire.count(c.pointee.row_count, "ExpertBatch.row_count")
    guard first + count <= rowCount else {
      throw .invalid(field: "ExpertBatch.part_row_count", problem: "goes beyond the \(rowCount) rows of the batch")
    }
    self.init(
      id: c.pointee.id, layer: try Wire.count(c.pointee.layer, "ExpertBatch.layer"),
      cut: try Wire.span(c.pointee.cut_start, c.pointee.cut_end, "ExpertBatch.cut_end"), rowCount: rowCount,
      rows: first..<first + count, pairCount: try Wire.count(c.pointee.part_pair_count, "ExpertBatch.part_pair_count"))
  }
}

extension ExpertSumsHeader: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ExpertSums>) { apus__expert_sums__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ExpertSums>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = id
    c.pointee.first_row = try arena.count(rows.lowerBound, "ExpertSums.first_row")
    c.pointee.part_row_count = try arena.count(rows.count, "ExpertSums.part_row_count")
    c.pointee.queued_seconds = try Wire.number(queuedSeconds, "ExpertSums.queued_seconds")
    c.pointee.computed_seconds = try Wire.number(computedSeconds, "ExpertSums.computed_seconds")
    c.pointee.processor_seconds = try Wire.number(processorSeconds, "ExpertSums.processor_seconds")
  }

  init(reading c: UnsafePointer<Apus__ExpertSums>) throws(CodecError) {
    let first = try Wire.count(c.pointee.first_row, "ExpertSums.first_row")
    let count = try Wire.count(c.pointee.part_row_count, "ExpertSums.part_row_count")
    self.init(
      id: c.pointee.id, rows: first..<first + count,
      queuedSeconds: try Wire.number(c.pointee.queued_seconds, "ExpertSums.queued_seconds"),
      computedSeconds: try Wire.number(c.pointee.computed_seconds, "ExpertSums.computed_seconds"),
      processorSeconds: try Wire.number(c.pointee.processor_seconds, "ExpertSums.processor_seconds"))
  }
}

extension Wire {
  /// A range that is not empty.
  fileprivate static func span(_ start: Int64, _ end: Int64, _ field: StaticString) throws(CodecError) -> Range<Int> {
    let (first, last) = (try count(start, field), try count(end, field))
    guard first < last else { throw .invalid(field: "\(field)", problem: "is \(last), not behind the start \(first)") }
    return first..<last
  }
}
