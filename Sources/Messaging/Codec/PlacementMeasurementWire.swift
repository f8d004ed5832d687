import CMessages
import Serving

// Measured placements in Schemas/messages.proto.

extension PlacementMeasurement: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementMeasurement>) {
    apus__placement_measurement__init(c)
  }

  func write(to c: UnsafeMutablePointer<Apus__PlacementMeasurement>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.benchmark = try arena.text(benchmark)
    c.pointee.hub = try arena.text(hub)
    c.pointee.model = try arena.text(model)
    c.pointee.n_hosts = hosts.count
    c.pointee.hosts = try arena.texts(hosts)
    c.pointee.started_at_ms = try arena.count(Int(startedAtMS), "PlacementMeasurement.started_at_ms")
    c.pointee.strategy = try arena.text(strategy)
    c.pointee.batch_tokens = try arena.count(batchTokens, "PlacementMeasurement.batch_tokens")
    c.pointee.layer_count = try arena.count(layerCount, "PlacementMeasurement.layer_count")
    c.pointee.problem = try arena.text(problem)
    c.pointee.foreseen = try arena.message(foreseen)
    switch outcome {
    case .completed(let figures):
      c.pointee.outcome_case = APUS__PLACEMENT_MEASUREMENT__OUTCOME_COMPLETED
      c.pointee.completed = try arena.message(figures)
    case .failed(let reason):
      c.pointee.outcome_case = APUS__PLACEMENT_MEASUREMENT__OUTCOME_FAILED
      c.pointee.failed = try arena.text(reason)
    }
  }

  init(reading c: UnsafePointer<Apus__PlacementMeasurement>) throws(CodecError) {
    let outcome: Outcome
    switch c.pointee.outcome_case {
    case APUS__PLACEMENT_MEASUREMENT__OUTCOME_COMPLETED:
      outcome = .completed(try Wire.message(c.pointee.completed, "PlacementMeasurement.completed"))
    case APUS__PLACEMENT_MEASUREMENT__OUTCOME_FAILED:
      outcome = .failed(reason: try Wire.text(c.pointee.failed, "PlacementMeasurement.failed"))
    default: throw .invalid(field: "PlacementMeasurement.outcome", problem: "is missing")
    }
    self.init(
      id: try Wire.id(c.pointee.id, "PlacementMeasurement.id"),
      benchmark: try Wire.id(c.pointee.benchmark, "PlacementMeasurement.benchmark"),
      hub: try Wire.id(c.pointee.hub, "PlacementMeasurement.hub"),
      model: try Wire.id(c.pointee.model, "PlacementMeasurement.model"),
      hosts: try Wire.ids(c.pointee.hosts, c.pointee.n_hosts, "PlacementMeasurement.hosts"),
      startedAtMS: Int64(try Wire.count(c.pointee.started_at_ms, "PlacementMeasurement.started_at_ms")),
      strategy: try Wire.text(c.pointee.strategy, "PlacementMeasurement.strategy"),
      batchTokens: try Wire.count(c.pointee.batch_tokens, "PlacementMeasurement.batch_tokens"),
      layerCount: try Wire.count(c.pointee.layer_count, "PlacementMeasurement.layer_count"),
      problem: try Wire.text(c.pointee.problem, "PlacementMeasurement.problem"),
      foreseen: try Wire.optional(c.pointee.foreseen), outcome: outcome)
  }
}

extension PlacementMeasurement.Foresight: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementForesight>) { apus__placement_foresight__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementForesight>, _ arena: Arena) throws(CodecError) {
    try Self.check(features)
    c.pointee.encoder_version = try arena.count(encoderVersion, "PlacementForesight.encoder_version")
    c.pointee.n_features = features.count
    c.pointee.features = try arena.copy(features)
    c.pointee.analytic_seconds = try Wire.number(analyticSeconds, "PlacementForesight.analytic_seconds")
  }

  init(reading c: UnsafePointer<Apus__PlacementForesight>) throws(CodecError) {
    let features = Array(UnsafeBufferPointer(start: c.pointee.features, count: c.pointee.n_features))
    try Self.check(features)
    self.init(
      encoderVersion: try Wire.count(c.pointee.encoder_version, "PlacementForesight.encoder_version"),
      features: features,
      analyticSeconds: try Wire.number(c.pointee.analytic_seconds, "PlacementForesight.analytic_seconds"))
  }

  private static func check(_ features: [Float]) throws(CodecError) {
    for value in features { _ = try Wire.number(Double(value), "PlacementForesight.features") }
  }
}

extension PlacementMeasurement.Span: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementSpan>) { apus__placement_span__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementSpan>, _ arena: Arena) throws(CodecError) {
    c.pointee.p50_ms = try Wire.number(p50MS, "PlacementSpan.p50_ms")
    c.pointee.p99_ms = try Wire.number(p99MS, "PlacementSpan.p99_ms")
  }

  init(reading c: UnsafePointer<Apus__PlacementSpan>) throws(CodecError) {
    self.init(
      p50MS: try Wire.number(c.pointee.p50_ms, "PlacementSpan.p50_ms"),
      p99MS: try Wire.number(c.pointee.p99_ms, "PlacementSpan.p99_ms"))
  }
}

extension PlacementMeasurement.Link: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementLink>) { apus__placement_link__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementLink>, _ arena: Arena) throws(CodecError) {
    c.pointee.sent_bytes_per_token = try Wire.number(sentBytesPerToken, "PlacementLink.sent_bytes_per_token")
    c.pointee.received_bytes_per_token = try Wire.number(
      receivedBytesPerToken, "PlacementLink.received_bytes_per_token")
    c.pointee.memory_bytes = try arena.count(memoryBytes, "PlacementLink.memory_bytes")
  }

  init(reading c: UnsafePointer<Apus__PlacementLink>) throws(CodecError) {
    self.init(
      sentBytesPerToken: try Wire.number(c.pointee.sent_bytes_per_token, "PlacementLink.sent_bytes_per_token"),
      receivedBytesPerToken: try Wire.number(
        c.pointee.received_bytes_per_token, "PlacementLink.received_bytes_per_token"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "PlacementLink.memory_bytes"))
  }
}

extension PlacementMeasurement.Move: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementMove>) { apus__placement_move__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementMove>, _ arena: Arena) throws(CodecError) {
    c.pointee.bytes = try arena.count(bytes, "PlacementMove.bytes")
    c.pointee.seconds = try Wire.number(seconds, "PlacementMove.seconds")
    c.pointee.break_even_batches = try arena.number(breakEvenBatches, "PlacementMove.break_even_batches")
  }

  init(reading c: UnsafePointer<Apus__PlacementMove>) throws(CodecError) {
    self.init(
      bytes: try Wire.count(c.pointee.bytes, "PlacementMove.bytes"),
      seconds: try Wire.number(c.pointee.seconds, "PlacementMove.seconds"),
      breakEvenBatches: try Wire.number(c.pointee.break_even_batches, "PlacementMove.break_even_batches"))
  }
}

extension PlacementMeasurement.Figures: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__PlacementFigures>) { apus__placement_figures__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__PlacementFigures>, _ arena: Arena) throws(CodecError) {
    c.pointee.pass_count = try arena.count(passCount, "PlacementFigures.pass_count")
    c.pointee.mean_seconds = try Wire.number(meanSeconds, "PlacementFigures.mean_seconds")
    c.pointee.layer = try arena.message(layer)
    c.pointee.dispatch = try arena.message(dispatch)
    c.pointee.compute = try arena.message(compute)
    c.pointee.combine = try arena.message(combine)
    c.pointee.wait = try arena.message(wait)
    c.pointee.balancedness = try Wire.share(balancedness, "PlacementFigures.balancedness")
    c.pointee.hosts_per_token = try Wire.number(hostsPerToken, "PlacementFigures.hosts_per_token")
    c.pointee.n_links = links.count
    c.pointee.links = try arena.messages(links)
    c.pointee.move = try arena.message(move)
    c.pointee.speedup = try arena.number(speedup, "PlacementFigures.speedup")
    c.pointee.relative_difference = try arena.number(relativeDifference, "PlacementFigures.relative_difference")
    c.pointee.hedged_count = try arena.count(hedgedCount, "PlacementFigures.hedged_count")
    c.pointee.rerouted_count = try arena.count(reroutedCount, "PlacementFigures.rerouted_count")
    c.pointee.unemulated_count = try arena.count(unemulatedCount, "PlacementFigures.unemulated_count")
    c.pointee.plan_ms = try Wire.number(planMS, "PlacementFigures.plan_ms")
    c.pointee.predicted_p50_ms = try arena.number(predictedP50MS, "PlacementFigures.predicted_p50_ms")
    c.pointee.lower_bound_ms = try arena.number(lowerBoundMS, "PlacementFigures.lower_bound_ms")
  }

  init(reading c: UnsafePointer<Apus__PlacementFigures>) throws(CodecError) {
    self.init(
      passCount: try Wire.count(c.pointee.pass_count, "PlacementFigures.pass_count"),
      meanSeconds: try Wire.number(c.pointee.mean_seconds, "PlacementFigures.mean_seconds"),
      layer: try Wire.message(c.pointee.layer, "PlacementFigures.layer"),
      dispatch: try Wire.message(c.pointee.dispatch, "PlacementFigures.dispatch"),
      compute: try Wire.message(c.pointee.compute, "PlacementFigures.compute"),
      combine: try Wire.message(c.pointee.combine, "PlacementFigures.combine"),
      wait: try Wire.message(c.pointee.wait, "PlacementFigures.wait"),
      balancedness: try Wire.share(c.pointee.balancedness, "PlacementFigures.balancedness"),
      hostsPerToken: try Wire.number(c.pointee.hosts_per_token, "PlacementFigures.hosts_per_token"),
      links: try Wire.messages(c.pointee.links, c.pointee.n_links, "PlacementFigures.links"),
      move: try Wire.optional(c.pointee.move),
      speedup: try Wire.number(c.pointee.speedup, "PlacementFigures.speedup"),
      relativeDifference: try Wire.number(c.pointee.relative_difference, "PlacementFigures.relative_difference"),
      hedgedCount: try Wire.count(c.pointee.hedged_count, "PlacementFigures.hedged_count"),
      reroutedCount: try Wire.count(c.pointee.rerouted_count, "PlacementFigures.rerouted_count"),
      unemulatedCount: try Wire.count(c.pointee.unemulated_count, "PlacementFigures.unemulated_count"),
      planMS: try Wire.number(c.pointee.plan_ms, "PlacementFigures.plan_ms"),
      predictedP50MS: try Wire.number(c.pointee.predicted_p50_ms, "PlacementFigures.predicted_p50_ms"),
      lowerBoundMS: try Wire.number(c.pointee.lower_bound_ms, "PlacementFigures.lower_bound_ms"))
  }
}
