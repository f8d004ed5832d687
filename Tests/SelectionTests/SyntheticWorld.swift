import Acceleration
import FoundationEssentials
import Glibc
import Selection
import Serving

/// A world with a hidden law: what every configuration really costs everywhere, and measurements of it with noise.
///
/// The law starts from the roofline, because real costs do, and then bends it where research saw engines differ: slots
/// waste shared prefixes, drafts do not pay on mixtures of experts, cores are hyper-threads on some machines, quantized
/// caches are slow, and every machine and model has factors of its own.
struct SyntheticWorld {
  static let knobs: Set<KnobName> = [
    .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType, .weightVariant,
    .speculation, .draftTokens, .draftModel, .ngramSize, .flashAttention, .threadCount,
  ]
  static let engine = EngineName("llamacpp")

  static let models = [
    model("dense60", parameters: 60_000_000, active: 60_000_000, experts: 0, bytes: 1.06, group: "dense60"),
    model("dense60-q4", parameters: 60_000_000, active: 60_000_000, experts: 0, bytes: 0.56, group: "dense60"),
    model("dense200", parameters: 200_000_000, active: 200_000_000, experts: 0, bytes: 1.06, group: "dense200"),
    model("dense1000", parameters: 1_000_000_000, active: 1_000_000_000, experts: 0, bytes: 1.06, group: "dense1000"),
    model("moe200", parameters: 216_000_000, active: 60_000_000, experts: 32, bytes: 1.06, group: "moe200"),
    model("moe800", parameters: 800_000_000, active: 160_000_000, experts: 64, bytes: 1.06, group: "moe800"),
    model("draft", parameters: 6_000_000, active: 6_000_000, experts: 0, bytes: 1.06, group: "draft"),
  ]
  /// The ones that are asked for.
  static let targets = models.filter { !["draft", "dense60-q4"].contains($0.name) }

  static let hardware = [
    machine("small", cores: 2, flops: 0.9e11, bytes: 1.4e10, sets: ["avx2"]),
    machine("pinned", cores: 1, flops: 0.5e11, bytes: 1.1e10, sets: ["avx2"]),
    machine("server", cores: 16, flops: 12e11, bytes: 12e10, sets: ["avx2", "avx512_vnni", "avx512f"]),
  ]

  var seed: UInt64 = 1

  static func model(
    _ name: String, parameters: Int, active: Int, experts: Int, bytes: Double, group: String
  ) -> ModelProfile {
    ModelProfile(
      id: ModelID(name), name: name, architecture: experts > 0 ? "qwen3moe" : "llama", parameterCount: parameters,
      activeParameterCount: active, layerCount: 12, hiddenSize: 512 * max(1, parameters / 200_000_000), headCount: 8,
      keyValueHeadCount: 8, headSize: 64, feedForwardSize: 1536, expertCount: experts,
      expertsPerToken: experts > 0 ? 4 : 0, vocabularySize: 8192, contextLength: 4096, weightType: "Q8_0",
      weightBytes: Int(Double(parameters) * bytes), activeWeightBytes: Int(Double(active) * bytes),
      vocabularyFingerprint: "shared", variantGroup: group)
  }

  static func machine(
    _ name: String, cores: Int, flops: Double, bytes: Double, sets: [String]
  ) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID(name), processor: name, coreCount: cores, instructionSets: sets, memoryBytes: 16 << 30,
      memoryBandwidth: bytes, gemmRate: flops)
  }

  static func candidates(_ model: ModelProfile, _ hardware: HardwareProfile, _ workload: Workload) -> [Candidate] {
    Candidates.propose(
      in: AccelerationContext(
        model: model, available: models, hardware: hardware, engine: engine, abilities: EngineAbilities(knobs: knobs),
        workload: workload,
        limits: Limits()))
  }

  static func set(
    _ model: ModelProfile = targets[0], _ hardware: HardwareProfile = hardware[0], _ workload: Workload = .chat,
    worker: String = "worker"
  ) -> CandidateSet {
    CandidateSet(
      worker: WorkerName(worker), hardware: hardware, model: model, available: models, workload: workload,
      candidates: candidates(model, hardware, workload))
  }

  // MARK: The law

  /// Factor on every duration of a configuration, as a logarithm, that no estimate knows.
  private func bend(_ c: EngineConfiguration, _ m: ModelProfile, _ h: HardwareProfile, _ w: Workload) -> Double {
    var bend = 0.0
    let slots = c[.slotCount]?.intValue ?? 1
    if slots > 1 {
      bend += 0.1 * log(Double(slots))
      // Every slot computes the shared prefix for itself, and slowly.
      bend += 0.5 * w.sharedPrefixShare * log(Double(slots))
      if slots > w.concurrency { bend += 0.3 }
    }
    switch c[.speculation]?.textValue {
    case "draft-model":
      bend += m.isMixtureOfExperts ? 0.45 : -0.1
      if (c[.draftTokens]?.intValue ?? 0) > 4 { bend += 0.15 }
    case "n-gram":
      bend += 0.06 - 0.35 * w.repetitiveness + (m.isMixtureOfExperts ? 0.2 : 0)
    default: break
    }
    if let threads = c[.threadCount]?.intValue, threads < h.coreCount {
      // Two of the small machine's threads share one core: half of them are as fast as all.
      bend += h.coreCount == 2 ? -0.55 : 0.15 * log(Double(h.coreCount) / Double(threads))
    }
    if c[.flashAttention] == .bool(false) { bend += 0.08 * log(max(1, w.meanPromptTokens / 128)) }
    if c[.keyCacheType] != nil { bend += 0.25 * log(max(1, w.meanPromptTokens / 64)) }
    if c[.prefixCaching] == .bool(false) { bend += w.concurrency > 1 ? 0.02 : -0.005 }
    if let step = c[.microBatchTokens]?.intValue { bend += step < 512 ? -0.05 : 0.03 }
    if c[.weightVariant] != nil { bend -= 0.1 }
    return bend
  }

  /// What it costs in truth: e2e in ms and the rest.
  func truth(_ c: EngineConfiguration, _ m: ModelProfile, _ h: HardwareProfile, _ w: Workload) -> Truth {
    let estimate = CostModel(model: m, available: Self.models, hardware: h, workload: w).estimate(c)
    let machine = h.processor == "server" ? 1.2 : 0.8
    let factor = exp(bend(c, m, h, w) + machine + (m.isMixtureOfExperts ? 0.2 : 0))
    let ttft = 1.2 * estimate.ttftMS
    return Truth(
      ttftMS: ttft * factor, tpotMS: estimate.tpotMS * factor,
      e2eMS: (ttft + estimate.e2eMS - estimate.ttftMS) * factor, throughput: estimate.throughput / factor,
      memoryBytes: estimate.memoryBytes * 1.1)
  }

  struct Truth {
    var ttftMS: Double
    var tpotMS: Double
    var e2eMS: Double
    var throughput: Double
    var memoryBytes: Double

    func scaled(_ factor: Double) -> Truth {
      Truth(
        ttftMS: ttftMS * factor, tpotMS: tpotMS * factor, e2eMS: e2eMS * factor, throughput: throughput / factor,
        memoryBytes: memoryBytes)
    }

    var metrics: Metrics {
      func flat(_ mean: Double) -> LatencySummary {
        LatencySummary(meanMS: mean, p50MS: 0.95 * mean, p90MS: 1.2 * mean, p99MS: 1.5 * mean)
      }
      return Metrics(
        requestCount: 8, failedRequestCount: 0, promptTokenCount: 512, outputTokenCount: 512,
        wallSeconds: 512 / throughput, cpuSeconds: 1, peakMemoryBytes: Int(memoryBytes), loadSeconds: 0.5,
        ttft: flat(ttftMS), itl: flat(tpotMS), tpot: flat(tpotMS), e2e: flat(e2eMS))
    }
  }

  // MARK: Measurements

  /// Rounds in turns of the default and candidates in one context: drift common to a round of 10%, noise of 4%.
  func trial(
    _ m: ModelProfile, _ h: HardwareProfile, _ w: Workload, rounds: Int = 2, only: ((Candidate) -> Bool)? = nil,
    purpose: TrialPurpose = .paired
  ) -> [Measurement] {
    let name = "\(m.name)/\(h.processor)/\(w.name)/\(rounds)/\(purpose)"
    var generator = SeededGenerator(seed: seed &+ UInt64(truncatingIfNeeded: stable(name)))
    let chosen = Self.candidates(m, h, w).filter {
      $0.isApplicable && (only?($0) ?? true || $0.configuration.isDefault)
    }
    var measurements: [Measurement] = []
    for round in 0..<rounds {
      let drift = 0.1 * generator.normal()
      for candidate in chosen.shuffled(using: &generator) {
        let factor = exp(drift + 0.04 * generator.normal())
        measurements.append(
          Self.measurement(
            "\(name)/\(round)/\(candidate.configuration.fingerprint)",
            source: .trial(TrialID(name), benchmark: BenchmarkID("b"), purpose: purpose, round: round), m, h, w,
            candidate, .completed(truth(candidate.configuration, m, h, w).scaled(factor).metrics)))
      }
    }
    return measurements
  }

  static func measurement(
    _ id: String, source: MeasurementSource, _ m: ModelProfile, _ h: HardwareProfile, _ w: Workload,
    _ candidate: Candidate, _ outcome: Outcome
  ) -> Measurement {
    Measurement(
      id: MeasurementID(id), source: source, worker: WorkerName("worker"), hardware: h, model: m, workload: w,
      configuration: candidate.configuration, fidelity: candidate.fidelity, engineVersion: "test", startedAtMS: 0,
      outcome: outcome)
  }

  /// A whole benchmark: every target on every machine, in the given workloads.
  func history(
    models: [ModelProfile] = targets, hardware: [HardwareProfile] = hardware,
    workloads: [Workload] = Workload.builtIn.map(\.halved), rounds: Int = 2
  ) -> [Measurement] {
    models.flatMap { m in hardware.flatMap { h in workloads.flatMap { trial(m, h, $0, rounds: rounds) } } }
  }

  private func stable(_ text: String) -> UInt64 { text.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) } }
}

extension SeededGenerator {
  /// Standard normal (Box and Muller).
  mutating func normal() -> Double {
    let u = Double.random(in: 1e-12..<1, using: &self)
    return (-2 * log(u)).squareRoot() * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
  }
}

extension EvidenceIndex {
  init(_ measurements: [Measurement]) {
    self.init()
    for measurement in measurements { insert(measurement) }
  }
}
