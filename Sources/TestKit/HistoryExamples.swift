public import Serving

/// Records for tests and benchmarks of the history, made from a seed.
public struct HistoryExamples {
  private var generator: SeededGenerator
  private var measurementCount = 0

  public init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  public static func model(_ number: Int = 0) -> ModelProfile {
    let digits = String(number, radix: 16)
    return ModelProfile(
      id: ModelID(String(repeating: "0", count: 64 - digits.count) + digits), name: "example-\(number)",
      architecture: "llama", parameterCount: 60_000_000 + number, activeParameterCount: 60_000_000 + number,
      layerCount: 12, hiddenSize: 512, headCount: 8, keyValueHeadCount: 4, headSize: 64, feedForwardSize: 1536,
      expertCount: 0, expertsPerToken: 0, vocabularySize: 32_000, contextLength: 4096, weightType: "F16",
      weightBytes: 120_000_000, activeWeightBytes: 120_000_000, vocabularyFingerprint: "vocabulary",
      variantGroup: "group-\(number)")
  }

  public static func hardware(_ number: Int = 0) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID("machine-\(number)"), processor: "Example Processor \(number)", coreCount: 1 + number,
      instructionSets: ["avx2", "avx512f"], memoryBytes: 24 << 30, memoryBandwidth: 18.7e9 + Double(number),
      gemmRate: 1.23e11, accelerators: number == 3 ? [Accelerator(name: "gpu", memoryBytes: 16 << 30)] : [])
  }

  public static func placement(
    _ id: String, model: ModelID = model(1).id, strategy: String = "linear", meanSeconds: Double = 0.002
  ) -> PlacementMeasurement {
    let span = PlacementMeasurement.Span(p50MS: 1.5, p99MS: 2.25)
    let link = PlacementMeasurement.Link(sentBytesPerToken: 2048.5, receivedBytesPerToken: 1024, memoryBytes: 1 << 20)
    return PlacementMeasurement(
      id: MeasurementID(id), benchmark: BenchmarkID("b1"), hub: WorkerName("node-1"), model: model,
      hosts: [WorkerName("node-1"), WorkerName("node-2")], startedAtMS: 1_790_000_000_000, strategy: strategy,
      batchTokens: 128, layerCount: 2, problem: "problem 1",
      foreseen: PlacementMeasurement.Foresight(encoderVersion: 1, features: [0.5, -2, 1e-7], analyticSeconds: 0.0015),
      outcome: .completed(
        PlacementMeasurement.Figures(
          passCount: 20, meanSeconds: meanSeconds, layer: span, dispatch: span, compute: span, combine: span,
          wait: span, balancedness: 0.75, hostsPerToken: 1.5, links: [link, link],
          move: PlacementMeasurement.Move(bytes: 4096, seconds: 0.25, breakEvenBatches: 12.5), speedup: 1.25,
          relativeDifference: 1e-7, hedgedCount: 1, reroutedCount: 2, unemulatedCount: 3, planMS: 0.5,
          predictedP50MS: 1.25, lowerBoundMS: 1)))
  }

  public static func configuration(_ number: Int = 0) -> EngineConfiguration {
    guard number > 0 else { return EngineConfiguration(engine: EngineName("llamacpp")) }
    return EngineConfiguration(
      engine: EngineName("llamacpp"), methods: [MethodName("continuous-batching"), MethodName("kv-cache")],
      knobs: [.slotCount: .int(number), .prefixCaching: .bool(true), .keyCacheType: .text("q8_0")])
  }

  public static func job(
    _ id: String, client: String = "client", tenant: String? = nil, key: String? = nil, state: JobState = .queued,
    submittedAtMS: Int64 = 1000
  ) -> JobRecord {
    JobRecord(
      id: JobID(id), client: client,
      spec: JobSpec(
        model: model().id, prompt: .chat([ChatMessage(role: "user", content: "Say \"hé\"\n\u{0}")]), maxTokens: 8,
        temperature: 0.5, seed: .max, limits: Limits(slos: [SLO(metric: .ttft, percentile: 99, limitMS: 500)]),
        idempotencyKey: key, tenant: tenant),
      submittedAtMS: submittedAtMS, standing: JobStanding(state: state))
  }

  /// Times as a clock gives them, in whole nanoseconds.
  private mutating func seconds(upTo limit: Double) -> Double {
    (Double.random(in: 0...limit, using: &generator) * 1e9).rounded() / 1e9
  }

  private mutating func latency() -> LatencySummary {
    let p50 = seconds(upTo: 1) * 1000
    return LatencySummary(meanMS: p50 * 1.1, p50MS: p50, p90MS: p50 * 1.5, p99MS: p50 * 2)
  }

  public mutating func metrics() -> Metrics {
    Metrics(
      requestCount: 8, failedRequestCount: 0, promptTokenCount: 512, outputTokenCount: 512,
      wallSeconds: 1 + seconds(upTo: 9), cpuSeconds: seconds(upTo: 20), peakMemoryBytes: 300_000_000,
      loadSeconds: seconds(upTo: 2), ttft: latency(), itl: latency(), tpot: latency(), e2e: latency(),
      acceptanceRate: Bool.random(using: &generator) ? 0.7 : nil,
      energyJoules: Bool.random(using: &generator) ? 40 + seconds(upTo: 60) : nil,
      acceleratorMemoryBytes: Bool.random(using: &generator) ? Int.random(in: 0...1 << 40, using: &generator) : nil)
  }

  public mutating func sample(tokenCount: Int) -> RequestTimeline {
    var at = seconds(upTo: 0.3)
    let times = (0..<tokenCount).map { _ in
      defer { at += seconds(upTo: 0.02) }
      return at
    }
    return RequestTimeline(
      sentAtSeconds: seconds(upTo: 1), tokenSeconds: times, promptTokenCount: 64,
      cachedTokenCount: Bool.random(using: &generator) ? 32 : nil)
  }

  /// A completed block of a trial: 5 models, 3 nodes, 6 workloads, 40 configurations.
  public mutating func measurement(
    _ id: String? = nil, benchmark: String = "benchmark-1", requests: Int = 8, tokensPerRequest: Int = 64
  ) -> Measurement {
    measurementCount += 1
    let node = Int.random(in: 0..<3, using: &generator)
    let samples = (0..<requests).map { _ in sample(tokenCount: tokensPerRequest) }
    return Measurement(
      id: id.map { MeasurementID($0) } ?? .random("measurement", using: &generator),
      source: .trial(
        TrialID("trial-\(measurementCount / 20)"), benchmark: BenchmarkID(benchmark), purpose: .paired,
        round: measurementCount % 4),
      worker: WorkerName("node-\(node)"), hardware: Self.hardware(node),
      model: Self.model(Int.random(in: 0..<5, using: &generator)),
      workload: Workload.builtIn[Int.random(in: 0..<Workload.builtIn.count, using: &generator)],
      configuration: Self.configuration(Int.random(in: 0..<40, using: &generator)), fidelity: .exact,
      engineVersion: "llama.cpp b6900 (xllamacpp 0.2.3)", startedAtMS: 1_790_000_000_000 + Int64(measurementCount),
      outcome: .completed(metrics()), samples: samples,
      memoryEstimateBytes: Bool.random(using: &generator) ? 280_000_000 : nil,
      acceleratorMemoryEstimateBytes: Bool.random(using: &generator) ? 3 << 30 : nil)
  }
}
