import Coordinator
import History
import Messaging
import Serving

/// Values that tests of the coordinator share: small, plausible, and named for what matters in them.
enum Fixture {
  static let engine = EngineName("llamacpp")

  static func model(_ name: String = "dense", contextLength: Int = 4096) -> ModelProfile {
    ModelProfile(
      id: ModelID("id-of-\(name)"), name: name, architecture: "llama", parameterCount: 60_000_000,
      activeParameterCount: 60_000_000, layerCount: 12, hiddenSize: 512, headCount: 8, keyValueHeadCount: 4,
      headSize: 64, feedForwardSize: 1536, expertCount: 0, expertsPerToken: 0, vocabularySize: 32_000,
      contextLength: contextLength, weightType: "Q8_0", weightBytes: 64_000_000, activeWeightBytes: 64_000_000,
      vocabularyFingerprint: "v", variantGroup: name)
  }

  /// A history that knows the model.
  static func store() async throws -> InMemoryHistoryStore {
    let store = InMemoryHistoryStore()
    try await store.append([.model(model())])
    return store
  }

  static func hardware(machine: String = "machine-1", coreCount: Int = 2) -> HardwareProfile {
    HardwareProfile(
      machine: MachineID(machine), processor: "test", coreCount: coreCount, instructionSets: ["avx2"],
      memoryBytes: 24 << 30, memoryBandwidth: 2e10, gemmRate: 1e11 * Double(coreCount))
  }

  /// One with experts.
  static func sparseModel() -> ModelProfile {
    var sparse = model("sparse")
    sparse.expertCount = 8
    sparse.expertsPerToken = 2
    return sparse
  }

  static func placementSpec(_ name: String = "placements", workers: [WorkerName] = []) -> PlacementBenchmarkSpec {
    PlacementBenchmarkSpec(
      id: BenchmarkID(name), model: sparseModel().id, workers: workers, strategies: ["linear", "lpt"],
      batchSizes: [16], rounds: 2)
  }

  /// Which public key a worker of these tests announces: not a real one.
  static func expertKey(_ worker: String) -> String { "key of \(worker)" }

  static func worker(
    machine: String = "machine-1", coreCount: Int = 2, capacity: Int = 2, models: [ModelProfile] = [model()],
    leases: [LeaseID] = [], expertKey: String? = nil
  ) -> WorkerDescription {
    WorkerDescription(
      hardware: hardware(machine: machine, coreCount: coreCount),
      engines: [EngineDescription(name: engine, version: "1")], models: models, jobCapacity: capacity, leases: leases,
      experts: expertKey.map { ExpertEndpoint(address: "tcp://127.0.0.1:*", publicKey: $0) })
  }

  static func spec(_ prompt: String = "hello there", maxTokens: Int = 8, model: ModelProfile = model()) -> JobSpec {
    JobSpec(model: model.id, prompt: .text(prompt), maxTokens: maxTokens)
  }

  static func job(_ name: String, maxTokens: Int = 8) -> JobRecord {
    JobRecord(id: JobID(name), client: "client", spec: spec(maxTokens: maxTokens), submittedAtMS: 0)
  }

  static func candidate(_ knobs: [KnobName: KnobValue] = [:], fidelity: Fidelity = .exact) -> Candidate {
    let methods = knobs.keys.map { MethodName($0.rawValue) }
    return Candidate(
      configuration: EngineConfiguration(engine: engine, methods: methods, knobs: knobs), fidelity: fidelity)
  }

  static func choice(_ worker: String, _ candidate: Candidate = candidate()) -> RouteChoice {
    RouteChoice(worker: WorkerName(worker), candidate: candidate)
  }

  static func trial(_ name: String, candidates: [Candidate] = [candidate()]) -> TrialSpec {
    TrialSpec(
      id: TrialID(name), benchmark: BenchmarkID("benchmark"), purpose: .screening, model: model().id,
      candidates: candidates, workloads: [.chat], rounds: 1, seed: 1, timeLimitSeconds: 60)
  }

  static func latency(_ milliseconds: Double) -> LatencySummary {
    LatencySummary(meanMS: milliseconds, p50MS: milliseconds, p90MS: milliseconds, p99MS: milliseconds)
  }

  /// A block of `workload` in which every request took `e2eMS`.
  static func metrics(e2eMS: Double, workload: Workload = .chat) -> Metrics {
    let tokens = workload.requestCount * Int(workload.meanOutputTokens)
    return Metrics(
      requestCount: workload.requestCount, failedRequestCount: 0,
      promptTokenCount: workload.requestCount * Int(workload.meanPromptTokens), outputTokenCount: tokens,
      wallSeconds: e2eMS / 1000 * Double(workload.requestCount) / Double(workload.concurrency), cpuSeconds: 1,
      peakMemoryBytes: 100_000_000, loadSeconds: 0.5, ttft: latency(e2eMS / 4), itl: latency(e2eMS / 100),
      tpot: latency(e2eMS / 100), e2e: latency(e2eMS))
  }

  static func measurement(
    _ name: String, source: MeasurementSource, worker: WorkerName, outcome: Outcome,
    configuration: EngineConfiguration = candidate().configuration, workload: Workload = .chat,
    model: ModelProfile = model(), hardware: HardwareProfile = hardware()
  ) -> Measurement {
    Measurement(
      id: MeasurementID(name), source: source, worker: worker, hardware: hardware, model: model, workload: workload,
      configuration: configuration, fidelity: .exact, engineVersion: "1", startedAtMS: 0, outcome: outcome)
  }

  static func report(
    _ lease: LeaseID, job: JobID, worker: String, outcome: Outcome = .completed(metrics(e2eMS: 100)),
    output: String = "", name: String? = nil
  ) -> Report {
    Report(
      lease: lease,
      measurement: measurement(
        name ?? "measurement-of-\(lease)", source: .job(job), worker: WorkerName(worker), outcome: outcome),
      isLast: true, output: output)
  }
}
