import CMessages
import Serving

// Explanations in Schemas/messages.proto.

extension Explanation.Evidence: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__EvidenceNote>) { apus__evidence_note__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__EvidenceNote>, _ arena: Arena) throws(CodecError) {
    c.pointee.measurement = try arena.text(measurement)
    c.pointee.started_at_ms = startedAtMS
    c.pointee.worker = try arena.text(worker)
    c.pointee.workload = try arena.message(workload)
    c.pointee.configuration = try arena.message(configuration)
    c.pointee.value = try arena.number(value, "EvidenceNote.value")
    c.pointee.is_here = isHere ? 1 : 0
  }

  init(reading c: UnsafePointer<Apus__EvidenceNote>) throws(CodecError) {
    self.init(
      measurement: try Wire.id(c.pointee.measurement, "EvidenceNote.measurement"),
      startedAtMS: c.pointee.started_at_ms, worker: try Wire.id(c.pointee.worker, "EvidenceNote.worker"),
      workload: try Wire.message(c.pointee.workload, "EvidenceNote.workload"),
      configuration: try Wire.message(c.pointee.configuration, "EvidenceNote.configuration"),
      value: try Wire.number(c.pointee.value, "EvidenceNote.value"), isHere: c.pointee.is_here != 0)
  }
}

extension Explanation.Contribution: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Contribution>) { apus__contribution__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Contribution>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.value = try arena.number(value, "Contribution.value")
    c.pointee.factor = try Wire.number(factor, "Contribution.factor")
  }

  init(reading c: UnsafePointer<Apus__Contribution>) throws(CodecError) {
    self.init(
      name: try Wire.text(c.pointee.name, "Contribution.name"),
      value: try Wire.number(c.pointee.value, "Contribution.value"),
      factor: try Wire.number(c.pointee.factor, "Contribution.factor"))
  }
}

extension Explanation.Flip: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Flip>) { apus__flip__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Flip>, _ arena: Arena) throws(CodecError) {
    c.pointee.what = try arena.text(what)
    c.pointee.from = try arena.text(from)
    c.pointee.to = try arena.text(to)
  }

  init(reading c: UnsafePointer<Apus__Flip>) throws(CodecError) {
    self.init(
      what: try Wire.text(c.pointee.what, "Flip.what"), from: try Wire.text(c.pointee.from, "Flip.from"),
      to: try Wire.text(c.pointee.to, "Flip.to"))
  }
}

extension Explanation: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Explanation>) { apus__explanation__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Explanation>, _ arena: Arena) throws(CodecError) {
    c.pointee.subject = Int64(subject)
    c.pointee.n_contributions = contributions.count
    c.pointee.contributions = try arena.messages(contributions)
    c.pointee.runner_up = try arena.count(runnerUp, "Explanation.runner_up")
    c.pointee.n_flips = flips.count
    c.pointee.flips = try arena.messages(flips)
    c.pointee.n_evidence = evidence.count
    c.pointee.evidence = try arena.messages(evidence)
  }

  init(reading c: UnsafePointer<Apus__Explanation>) throws(CodecError) {
    self.init(
      subject: try Wire.count(c.pointee.subject, "Explanation.subject"),
      contributions: try Wire.messages(
        c.pointee.contributions, c.pointee.n_contributions, "Explanation.contributions"),
      runnerUp: try Wire.count(c.pointee.runner_up, "Explanation.runner_up"),
      flips: try Wire.messages(c.pointee.flips, c.pointee.n_flips, "Explanation.flips"),
      evidence: try Wire.messages(c.pointee.evidence, c.pointee.n_evidence, "Explanation.evidence"))
  }
}
