import CMessages
import Serving

// What a block of requests gave, in Schemas/messages.proto.

extension LatencySummary: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__LatencySummary>) { apus__latency_summary__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__LatencySummary>, _ arena: Arena) throws(CodecError) {
    c.pointee.mean_ms = try Wire.number(meanMS, "LatencySummary.mean_ms")
    c.pointee.p50_ms = try Wire.number(p50MS, "LatencySummary.p50_ms")
    c.pointee.p90_ms = try Wire.number(p90MS, "LatencySummary.p90_ms")
    c.pointee.p99_ms = try Wire.number(p99MS, "LatencySummary.p99_ms")
  }

  init(reading c: UnsafePointer<Apus__LatencySummary>) throws(CodecError) {
    self.init(
      meanMS: try Wire.number(c.pointee.mean_ms, "LatencySummary.mean_ms"),
      p50MS: try Wire.number(c.pointee.p50_ms, "LatencySummary.p50_ms"),
      p90MS: try Wire.number(c.pointee.p90_ms, "LatencySummary.p90_ms"),
      p99MS: try Wire.number(c.pointee.p99_ms, "LatencySummary.p99_ms"))
  }
}

extension Metrics: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Metrics>) { apus__metrics__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Metrics>, _ arena: Arena) throws(CodecError) {
    c.pointee.request_count = try arena.count(requestCount, "Metrics.request_count")
    c.pointee.failed_request_count = try arena.count(failedRequestCount, "Metrics.failed_request_count")
    c.pointee.prompt_token_count = try arena.count(promptTokenCount, "Metrics.prompt_token_count")
    c.pointee.output_token_count = try arena.count(outputTokenCount, "Metrics.output_token_count")
    c.pointee.wall_seconds = try Wire.number(wallSeconds, "Metrics.wall_seconds")
    c.pointee.cpu_seconds = try Wire.number(cpuSeconds ?? 0, "Metrics.cpu_seconds")
    c.pointee.lacks_cpu_seconds = cpuSeconds == nil ? 1 : 0
    c.pointee.peak_memory_bytes = try arena.count(peakMemoryBytes ?? 0, "Metrics.peak_memory_bytes")
    c.pointee.lacks_peak_memory_bytes = peakMemoryBytes == nil ? 1 : 0
    c.pointee.load_seconds = try Wire.number(loadSeconds, "Metrics.load_seconds")
    c.pointee.ttft = try arena.message(ttft)
    c.pointee.itl = try arena.message(itl)
    c.pointee.tpot = try arena.message(tpot)
    c.pointee.e2e = try arena.message(e2e)
    c.pointee.acceptance_rate = try arena.number(acceptanceRate, "Metrics.acceptance_rate")
    c.pointee.energy_joules = try arena.number(energyJoules, "Metrics.energy_joules")
    c.pointee.has_accelerator_memory_bytes = acceleratorMemoryBytes == nil ? 0 : 1
    c.pointee.accelerator_memory_bytes = try arena.count(
      acceleratorMemoryBytes ?? 0, "Metrics.accelerator_memory_bytes")
  }

  init(reading c: UnsafePointer<Apus__Metrics>) throws(CodecError) {
    self.init(
      requestCount: try Wire.count(c.pointee.request_count, "Metrics.request_count"),
      failedRequestCount: try Wire.count(c.pointee.failed_request_count, "Metrics.failed_request_count"),
      promptTokenCount: try Wire.count(c.pointee.prompt_token_count, "Metrics.prompt_token_count"),
      outputTokenCount: try Wire.count(c.pointee.output_token_count, "Metrics.output_token_count"),
      wallSeconds: try Wire.number(c.pointee.wall_seconds, "Metrics.wall_seconds"),
      cpuSeconds: c.pointee.lacks_cpu_seconds != 0
        ? nil : try Wire.number(c.pointee.cpu_seconds, "Metrics.cpu_seconds"),
      peakMemoryBytes: c.pointee.lacks_peak_memory_bytes != 0
        ? nil : try Wire.count(c.pointee.peak_memory_bytes, "Metrics.peak_memory_bytes"),
      loadSeconds: try Wire.number(c.pointee.load_seconds, "Metrics.load_seconds"),
      ttft: try Wire.message(c.pointee.ttft, "Metrics.ttft"),
      itl: try Wire.message(c.pointee.itl, "Metrics.itl"),
      tpot: try Wire.message(c.pointee.tpot, "Metrics.tpot"),
      e2e: try Wire.message(c.pointee.e2e, "Metrics.e2e"),
      acceptanceRate: try Wire.number(c.pointee.acceptance_rate, "Metrics.acceptance_rate"),
      energyJoules: try Wire.number(c.pointee.energy_joules, "Metrics.energy_joules"),
      acceleratorMemoryBytes: c.pointee.has_accelerator_memory_bytes == 0
        ? nil : try Wire.count(c.pointee.accelerator_memory_bytes, "Metrics.accelerator_memory_bytes"))
  }
}

extension RequestTimeline: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__RequestTimeline>) { apus__request_timeline__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__RequestTimeline>, _ arena: Arena) throws(CodecError) {
    c.pointee.sent_at_seconds = try Wire.number(sentAtSeconds, "RequestTimeline.sent_at_seconds")
    c.pointee.n_token_seconds = tokenSeconds.count
    c.pointee.token_seconds = try arena.numbers(tokenSeconds, "RequestTimeline.token_seconds")
    c.pointee.prompt_token_count = try arena.count(promptTokenCount, "RequestTimeline.prompt_token_count")
    c.pointee.cached_token_count = try arena.count(cachedTokenCount, "RequestTimeline.cached_token_count")
    c.pointee.failure = try arena.optionalText(failure)
  }

  init(reading c: UnsafePointer<Apus__RequestTimeline>) throws(CodecError) {
    self.init(
      sentAtSeconds: try Wire.number(c.pointee.sent_at_seconds, "RequestTimeline.sent_at_seconds"),
      tokenSeconds: try Wire.numbers(
        c.pointee.token_seconds, c.pointee.n_token_seconds, "RequestTimeline.token_seconds"),
      promptTokenCount: try Wire.count(c.pointee.prompt_token_count, "RequestTimeline.prompt_token_count"),
      cachedTokenCount: try Wire.count(c.pointee.cached_token_count, "RequestTimeline.cached_token_count"),
      failure: try Wire.text(c.pointee.failure, "RequestTimeline.failure"))
  }
}
