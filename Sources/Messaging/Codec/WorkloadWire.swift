import CMessages
import Serving

// Workloads, objectives and limits in Schemas/messages.proto.

extension Objective: WireChoice {
  static var choices: [Objective] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .ttft: APUS__OBJECTIVE__OBJECTIVE_TTFT.rawValue
    case .tpot: APUS__OBJECTIVE__OBJECTIVE_TPOT.rawValue
    case .e2e: APUS__OBJECTIVE__OBJECTIVE_E2E.rawValue
    case .throughput: APUS__OBJECTIVE__OBJECTIVE_THROUGHPUT.rawValue
    case .goodput: APUS__OBJECTIVE__OBJECTIVE_GOODPUT.rawValue
    case .cost: APUS__OBJECTIVE__OBJECTIVE_COST.rawValue
    case .energy: APUS__OBJECTIVE__OBJECTIVE_ENERGY.rawValue
    }
  }
}

extension SLO.Metric: WireChoice {
  static var choices: [SLO.Metric] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .ttft: APUS__LATENCY__LATENCY_TTFT.rawValue
    case .tpot: APUS__LATENCY__LATENCY_TPOT.rawValue
    case .itl: APUS__LATENCY__LATENCY_ITL.rawValue
    case .e2e: APUS__LATENCY__LATENCY_E2E.rawValue
    }
  }
}

extension SLO: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__SLO>) { apus__slo__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__SLO>, _ arena: Arena) throws(CodecError) {
    try Self.check(percentile: percentile)
    c.pointee.metric = Apus__Latency(rawValue: metric.wireNumber)
    c.pointee.percentile = Int32(percentile)
    c.pointee.limit_ms = try Wire.number(limitMS, "SLO.limit_ms")
  }

  init(reading c: UnsafePointer<Apus__SLO>) throws(CodecError) {
    try Self.check(percentile: Int(c.pointee.percentile))
    self.init(
      metric: try Wire.choice(c.pointee.metric.rawValue, "SLO.metric"),
      percentile: Int(c.pointee.percentile),
      limitMS: try Wire.number(c.pointee.limit_ms, "SLO.limit_ms"))
  }

  private static func check(percentile: Int) throws(CodecError) {
    guard [50, 90, 99].contains(percentile) else {
      throw .invalid(field: "SLO.percentile", problem: "is \(percentile), not 50, 90 or 99")
    }
  }
}

extension Limits: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Limits>) { apus__limits__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Limits>, _ arena: Arena) throws(CodecError) {
    c.pointee.n_slos = slos.count
    c.pointee.slos = try arena.messages(slos)
    c.pointee.memory_bytes = try arena.count(memoryBytes, "Limits.memory_bytes")
    c.pointee.allows_approximate = allowsApproximate ? 1 : 0
    c.pointee.max_quality_loss = try arena.number(maxQualityLoss, "Limits.max_quality_loss")
  }

  init(reading c: UnsafePointer<Apus__Limits>) throws(CodecError) {
    self.init(
      slos: try Wire.messages(c.pointee.slos, c.pointee.n_slos, "Limits.slos"),
      memoryBytes: try Wire.count(c.pointee.memory_bytes, "Limits.memory_bytes"),
      allowsApproximate: c.pointee.allows_approximate != 0,
      maxQualityLoss: try Wire.number(c.pointee.max_quality_loss, "Limits.max_quality_loss"))
  }
}

extension Workload: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Workload>) { apus__workload__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Workload>, _ arena: Arena) throws(CodecError) {
    c.pointee.name = try arena.text(name)
    c.pointee.least_prompt_tokens = try arena.count(promptTokens.lowerBound, "Workload.least_prompt_tokens")
    c.pointee.most_prompt_tokens = try arena.count(promptTokens.upperBound, "Workload.most_prompt_tokens")
    c.pointee.least_output_tokens = try arena.count(outputTokens.lowerBound, "Workload.least_output_tokens")
    c.pointee.most_output_tokens = try arena.count(outputTokens.upperBound, "Workload.most_output_tokens")
    c.pointee.concurrency = try arena.count(concurrency, "Workload.concurrency")
    c.pointee.arrival_rate = try arena.number(arrivalRate, "Workload.arrival_rate")
    c.pointee.shared_prefix_share = try Wire.share(sharedPrefixShare, "Workload.shared_prefix_share")
    c.pointee.repetitiveness = try Wire.share(repetitiveness, "Workload.repetitiveness")
    c.pointee.request_count = try arena.count(requestCount, "Workload.request_count")
  }

  init(reading c: UnsafePointer<Apus__Workload>) throws(CodecError) {
    self.init(
      name: try Wire.text(c.pointee.name, "Workload.name"),
      promptTokens: try Wire.range(
        c.pointee.least_prompt_tokens, c.pointee.most_prompt_tokens, "Workload.prompt_tokens"),
      outputTokens: try Wire.range(
        c.pointee.least_output_tokens, c.pointee.most_output_tokens, "Workload.output_tokens"),
      concurrency: try Wire.count(c.pointee.concurrency, "Workload.concurrency"),
      arrivalRate: try Wire.number(c.pointee.arrival_rate, "Workload.arrival_rate"),
      sharedPrefixShare: try Wire.share(c.pointee.shared_prefix_share, "Workload.shared_prefix_share"),
      repetitiveness: try Wire.share(c.pointee.repetitiveness, "Workload.repetitiveness"),
      requestCount: try Wire.count(c.pointee.request_count, "Workload.request_count"))
  }
}
