import CMessages
import Serving

// Questions to the selector and its answers in Schemas/messages.proto.

extension PredictedMetrics: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PredictedMetrics>) { apus__predicted_metrics__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PredictedMetrics>, _ arena: Arena) throws(CodecError) {
    c.pointee.ttft_ms = try arena.number(ttftMS, "PredictedMetrics.ttft_ms")
    c.pointee.tpot_ms = try arena.number(tpotMS, "PredictedMetrics.tpot_ms")
    c.pointee.e2e_ms = try arena.number(e2eMS, "PredictedMetrics.e2e_ms")
    c.pointee.throughput = try arena.number(throughput, "PredictedMetrics.throughput")
    c.pointee.memory_bytes = try arena.count(memoryBytes, "PredictedMetrics.memory_bytes")
    c.pointee.joules_per_token = try arena.number(joulesPerToken, "PredictedMetrics.joules_per_token")
    c.pointee.cost_per_million_tokens = try arena.number(
      costPerMillionTokens, "PredictedMetrics.cost_per_million_tokens")
  }

  init(reading c: UnsafePointer<Apus__PredictedMetrics>) throws(CodecError) {
    self.init(
      ttftMS: try Wire.number(c.pointee.ttft_ms, "PredictedMetrics.ttft_ms"),
      tpotMS: try Wire.number(c.pointee.tpot_ms, "PredictedMetrics.tpot_ms"),
      e2eMS: try Wire.number(c.pointee.e2e_ms, "PredictedMetrics.e2e_ms"),
      throughput: try Wire.number(c.pointee.throughput, "PredictedMetrics.throughput"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "PredictedMetrics.memory_bytes"),
      joulesPerToken: try Wire.number(c.pointee.joules_per_token, "PredictedMetrics.joules_per_token"),
      costPerMillionTokens: try Wire.number(
        c.pointee.cost_per_million_tokens, "PredictedMetrics.cost_per_million_tokens"))
  }
}

extension PredictedIntervals: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PredictedIntervals>) { apus__predicted_intervals__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PredictedIntervals>, _ arena: Arena) throws(CodecError) {
    c.pointee.ttft_ms = try arena.interval(ttftMS, "PredictedIntervals.ttft_ms")
    c.pointee.tpot_ms = try arena.interval(tpotMS, "PredictedIntervals.tpot_ms")
    c.pointee.e2e_ms = try arena.interval(e2eMS, "PredictedIntervals.e2e_ms")
    c.pointee.throughput = try arena.interval(throughput, "PredictedIntervals.throughput")
    c.pointee.memory_bytes = try arena.interval(memoryBytes, "PredictedIntervals.memory_bytes")
    c.pointee.joules_per_token = try arena.interval(joulesPerToken, "PredictedIntervals.joules_per_token")
    c.pointee.cost_per_million_tokens = try arena.interval(
      costPerMillionTokens, "PredictedIntervals.cost_per_million_tokens")
  }

  init(reading c: UnsafePointer<Apus__PredictedIntervals>) throws(CodecError) {
    self.init(
      ttftMS: try Wire.interval(c.pointee.ttft_ms, "PredictedIntervals.ttft_ms"),
      tpotMS: try Wire.interval(c.pointee.tpot_ms, "PredictedIntervals.tpot_ms"),
      e2eMS: try Wire.interval(c.pointee.e2e_ms, "PredictedIntervals.e2e_ms"),
      throughput: try Wire.interval(c.pointee.throughput, "PredictedIntervals.throughput"),
      memoryBytes: try Wire.interval(c.pointee.memory_bytes, "PredictedIntervals.memory_bytes"),
      joulesPerToken: try Wire.interval(c.pointee.joules_per_token, "PredictedIntervals.joules_per_token"),
      costPerMillionTokens: try Wire.interval(
        c.pointee.cost_per_million_tokens, "PredictedIntervals.cost_per_million_tokens"))
  }
}

extension RecommendQuery: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__RecommendQuery>) { apus__recommend_query__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__RecommendQuery>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    c.pointee.workload = try arena.message(workload)
    c.pointee.objective = Apus__Objective(rawValue: objective.wireNumber)
    c.pointee.limits = try arena.message(limits)
    c.pointee.worker = try arena.optionalText(worker?.rawValue)
    c.pointee.hardware = try arena.message(hardware)
    c.pointee.in_full = inFull ? 1 : 0
    c.pointee.explains = explains ? 1 : 0
  }

  init(reading c: UnsafePointer<Apus__RecommendQuery>) throws(CodecError) {
    self.init(
      model: try Wire.id(c.pointee.model, "RecommendQuery.model"),
      workload: try Wire.message(c.pointee.workload, "RecommendQuery.workload"),
      objective: try Wire.choice(c.pointee.objective.rawValue, "RecommendQuery.objective"),
      limits: try Wire.message(c.pointee.limits, "RecommendQuery.limits"),
      worker: try Wire.id(c.pointee.worker, "RecommendQuery.worker"),
      hardware: try Wire.optional(c.pointee.hardware), inFull: c.pointee.in_full != 0,
      explains: c.pointee.explains != 0)
  }
}

extension RankedCandidate: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__RankedCandidate>) { apus__ranked_candidate__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__RankedCandidate>, _ arena: Arena) throws(CodecError) {
    c.pointee.candidate = try arena.message(candidate)
    c.pointee.worker = try arena.text(worker)
    c.pointee.predicted = try arena.message(predicted)
    c.pointee.intervals = try arena.message(intervals)
    c.pointee.interval = try arena.interval(interval, "RankedCandidate.interval")
    c.pointee.speedup = try arena.number(speedup, "RankedCandidate.speedup")
    c.pointee.speedup_interval = try arena.interval(speedupInterval, "RankedCandidate.speedup_interval")
    c.pointee.evidence_count = try arena.count(evidenceCount, "RankedCandidate.evidence_count")
    c.pointee.n_reasons = reasons.count
    c.pointee.reasons = try arena.texts(reasons)
    c.pointee.quality = try arena.message(quality)
  }

  init(reading c: UnsafePointer<Apus__RankedCandidate>) throws(CodecError) {
    self.init(
      candidate: try Wire.message(c.pointee.candidate, "RankedCandidate.candidate"),
      worker: try Wire.id(c.pointee.worker, "RankedCandidate.worker"),
      predicted: try Wire.message(c.pointee.predicted, "RankedCandidate.predicted"),
      intervals: try Wire.message(c.pointee.intervals, "RankedCandidate.intervals"),
      interval: try Wire.interval(c.pointee.interval, "RankedCandidate.interval"),
      speedup: try Wire.number(c.pointee.speedup, "RankedCandidate.speedup"),
      speedupInterval: try Wire.interval(c.pointee.speedup_interval, "RankedCandidate.speedup_interval"),
      evidenceCount: try Wire.count(c.pointee.evidence_count, "RankedCandidate.evidence_count"),
      reasons: try Wire.texts(c.pointee.reasons, c.pointee.n_reasons, "RankedCandidate.reasons"),
      quality: try Wire.optional(c.pointee.quality))
  }
}

extension Recommendation.Decision: WireChoice {
  static var choices: [Recommendation.Decision] { [.use, .measureFirst, .default] }

  var wireNumber: UInt32 {
    switch self {
    case .use: APUS__DECISION__DECISION_USE.rawValue
    case .measureFirst: APUS__DECISION__DECISION_MEASURE_FIRST.rawValue
    case .default: APUS__DECISION__DECISION_DEFAULT.rawValue
    }
  }
}

extension MeasurementPlan: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__MeasurementPlan>) { apus__measurement_plan__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__MeasurementPlan>, _ arena: Arena) throws(CodecError) {
    c.pointee.n_candidates = candidates.count
    c.pointee.candidates = try arena.counts(candidates, "MeasurementPlan.candidates")
    c.pointee.seconds = try arena.number(seconds, "MeasurementPlan.seconds")
  }

  init(reading c: UnsafePointer<Apus__MeasurementPlan>) throws(CodecError) {
    self.init(
      candidates: try Wire.counts(c.pointee.candidates, c.pointee.n_candidates, "MeasurementPlan.candidates"),
      seconds: try Wire.number(c.pointee.seconds, "MeasurementPlan.seconds"))
  }
}

extension Recommendation: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Recommendation>) { apus__recommendation__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Recommendation>, _ arena: Arena) throws(CodecError) {
    c.pointee.decision = Apus__Decision(rawValue: decision.wireNumber)
    c.pointee.n_candidates = candidates.count
    c.pointee.candidates = try arena.messages(candidates)
    c.pointee.n_reasons = reasons.count
    c.pointee.reasons = try arena.texts(reasons)
    c.pointee.confidence = try arena.number(confidence, "Recommendation.confidence")
    c.pointee.measure_next = try arena.message(measureNext)
    c.pointee.explanation = try arena.message(explanation)
  }

  init(reading c: UnsafePointer<Apus__Recommendation>) throws(CodecError) {
    self.init(
      decision: try Wire.choice(c.pointee.decision.rawValue, "Recommendation.decision"),
      candidates: try Wire.messages(c.pointee.candidates, c.pointee.n_candidates, "Recommendation.candidates"),
      reasons: try Wire.texts(c.pointee.reasons, c.pointee.n_reasons, "Recommendation.reasons"),
      confidence: try Wire.number(c.pointee.confidence, "Recommendation.confidence"),
      measureNext: try Wire.optional(c.pointee.measure_next), explanation: try Wire.optional(c.pointee.explanation))
    // Places of another answer would be read past its end.
    let named = [explanation?.subject, explanation?.runnerUp].compactMap(\.self)
    for place in (measureNext?.candidates ?? []) + named where !candidates.indices.contains(place) {
      throw .invalid(field: "Recommendation", problem: "names candidate \(place) of \(candidates.count)")
    }
  }
}
