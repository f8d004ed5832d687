import Acceleration
import Glibc
import Selection
import Serving

/// A history made from a seed: models, machines, workloads, and measurements whose costs follow the roofline with factors
/// for each model, machine and setting, and noise. Fit for measuring what a history costs, not for judging selectors.
struct SyntheticHistory {
  static let engine = EngineName("llamacpp")
  static let abilities = EngineAbilities(
    knobs: [
      .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType, .weightVariant,
      .speculation, .draftTokens, .draftModel, .ngramSize, .flashAttention, .threadCount,
    ])

  static let models = [
    model(0, "dense-60m", parameters: 60_000_000), model(1, "dense-400m", parameters: 400_000_000),
    model(2, "mixture-200m", parameters: 200_000_000, experts: 32),
    model(3, "dense-1b", parameters: 1_000_000_000),
  ]
  static let hardware = [machine("one", cores: 16), machine("two", cores: 8), machine("three", cores: 2)]

  private var generator: SeededGenerator
  private var count = 0
  private let contexts: [Context]

  private struct Context {
    var model: ModelProfile
    var hardware: HardwareProfile
    var workload: Workload
    /// Applicable ones, the default first.
    var candidates: [Candidate]
    var costs: CostModel
  }

  /// - Parameter workloads: that every model is measured in on every machine.
  init(seed: UInt64, workloads: [Workload] = Workload.builtIn) {
    generator = SeededGenerator(seed: seed)
    contexts = Self.models.flatMap { model in
      Self.hardware.flatMap { hardware in
        workloads.map { workload in
          Context(
            model: model, hardware: hardware, workload: workload,
            candidates: Self.candidates(model, hardware, workload).filter(\.isApplicable),
            costs: CostModel(model: model, available: Self.models, hardware: hardware, workload: workload))
        }
      }
    }
  }

  /// What would be proposed there.
  static func candidates(_ model: ModelProfile, _ hardware: HardwareProfile, _ workload: Workload) -> [Candidate] {
    Candidates.propose(
      in: AccelerationContext(
        model: model, available: models, hardware: hardware, engine: engine, abilities: abilities,
        workload: workload, limits: Limits()))
  }

  /// Trials, one after another through all contexts: the default and nine candidates, two rounds.
  mutating func measurements(_ wanted: Int, samples: Int = 0) -> [Measurement] {
    var measurements: [Measurement] = []
    measurements.reserveCapacity(wanted + 20)
    while measurements.count < wanted {
      let context = contexts[count % contexts.count]
      let trial = TrialID("trial-\(count)")
      count += 1
      let chosen = [context.candidates[0]] + context.candidates.dropFirst().shuffled(using: &generator).prefix(9)
      for round in 0..<2 {
        let drift = Double.random(in: -0.1...0.1, using: &generator)
        for candidate in chosen {
          measurements.append(measurement(context, candidate, trial, round: round, drift: drift, samples: samples))
        }
      }
    }
    return Array(measurements.prefix(wanted))
  }

  private mutating func measurement(
    _ context: Context, _ candidate: Candidate, _ trial: TrialID, round: Int, drift: Double, samples: Int
  ) -> Measurement {
    let estimate = context.costs.estimate(candidate.configuration)
    // A factor of its own for each setting, the same everywhere: something for trees to learn.
    let bend = candidate.configuration.knobs.keys.reduce(0.0) { $0 + Double($1.rawValue.utf8.count % 7) * 0.03 - 0.09 }
    let factor = exp(bend + drift + Double.random(in: -0.08...0.08, using: &generator))
    let workload = context.workload
    let output = workload.requestCount * Int(workload.meanOutputTokens)
    let metrics = Metrics(
      requestCount: workload.requestCount, failedRequestCount: 0,
      promptTokenCount: workload.requestCount * Int(workload.meanPromptTokens), outputTokenCount: output,
      wallSeconds: Double(output) / estimate.throughput * factor, cpuSeconds: 1,
      peakMemoryBytes: Int(estimate.memoryBytes), loadSeconds: 0.5, ttft: Self.latency(estimate.ttftMS * factor),
      itl: Self.latency(estimate.tpotMS * factor), tpot: Self.latency(estimate.tpotMS * factor),
      e2e: Self.latency(estimate.e2eMS * factor))
    let timelines = (0..<samples).map { _ in
      RequestTimeline(
        sentAtSeconds: 0, tokenSeconds: (1...64).map { Double($0) * 0.01 * factor },
        promptTokenCount: Int(workload.meanPromptTokens))
    }
    return Measurement(
      id: .random("measurement", using: &generator),
      source: .trial(trial, benchmark: BenchmarkID("synthetic"), purpose: .paired, round: round),
      worker: WorkerName(context.hardware.machine.rawValue), hardware: context.hardware, model: context.model,
      workload: workload, configuration: candidate.configuration, fidelity: candidate.fidelity,
      engineVersion: "synthetic", startedAtMS: 1_790_000_000_000 + Int64(count), outcome: .completed(metrics),
      samples: timelines)
  }

  /// What a worker reports of one short job.
  static let jobMetrics = Metrics(
    requestCount: 1, failedRequestCount: 0, promptTokenCount: 16, outputTokenCount: 16, wallSeconds: 0.4,
    cpuSeconds: 0.5, peakMemoryBytes: 200_000_000, loadSeconds: 0.5, ttft: latency(30), itl: latency(20),
    tpot: latency(20), e2e: latency(350))

  static func latency(_ mean: Double) -> LatencySummary {
    LatencySummary(meanMS: mean, p50MS: 0.95 * mean, p90MS: 1.2 * mean, p99MS: 1.5 * mean)
  }

  static func model(_ number: Int, _ name: String, parameters: Int, experts: Int = 0) -> ModelProfile {
    let active = experts > 0 ? parameters / 3 : parameters
    return ModelProfile(
      id: ModelID(String(repeating: "\(number)", count: 64)), name: name,
      architecture: experts > 0 ? "qwen3moe" : "llama", parameterCount: parameters, activeParameterCount: active,
      layerCount: 12, hiddenSize: 512, headCount: 8, keyValueHeadCount: 4, headSize: 64, feedForwardSize: 1536,
      expertCount: experts, expertsPerToken: experts > 0 ? 4 : 0, vocabularySize: 8192, contextLength: 8192,
      weightType: "Q8_0", weightBytes: parameters * 17 / 16, activeWeightBytes: active * 17 / 16,
      vocabularyFingerprint: "synthetic", variantGroup: name)
  }

  static func machine(_ name: String, cores: Int) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID(name), processor: "processor of \(name)", coreCount: cores,
      instructionSets: ["avx2", "avx512f"], memoryBytes: 32 << 30, memoryBandwidth: 1e10 * Double(cores).squareRoot(),
      gemmRate: 5e10 * Double(cores))
  }
}
