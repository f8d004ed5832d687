import FoundationEssentials
import Messaging
import Serving

@testable import Worker

/// Values that tests need and whose content does not matter.
enum Fixtures {
  static let hardware = HardwareProfile(
    machine: MachineID("machine"), processor: "processor", coreCount: 2, instructionSets: ["avx2"],
    memoryBytes: 8 << 30, memoryBandwidth: 2e10, gemmRate: 1e11)
  static let engine = EngineName("scripted")

  static func model(_ digit: Character = "a") -> ModelProfile {
    ModelProfile(
      id: ModelID(String(repeating: digit, count: 64)), name: "model-\(digit)", architecture: "llama",
      parameterCount: 1000, activeParameterCount: 1000, layerCount: 2, hiddenSize: 64, headCount: 4,
      keyValueHeadCount: 2, headSize: 16, feedForwardSize: 128, expertCount: 0, expertsPerToken: 0,
      vocabularySize: 512, contextLength: 4096, weightType: "Q8_0", weightBytes: 1 << 20, activeWeightBytes: 1 << 20,
      vocabularyFingerprint: "v", variantGroup: "g")
  }

  static func candidate(slots: Int? = nil) -> Candidate {
    Candidate(
      configuration: EngineConfiguration(engine: engine, knobs: slots.map { [.slotCount: .int($0)] } ?? [:]),
      fidelity: .exact)
  }

  static func job(_ name: String = "job", model: ModelProfile = model(), maxTokens: Int = 8) -> JobAssignment {
    JobAssignment(
      job: JobID(name), spec: JobSpec(model: model.id, prompt: .text("hello"), maxTokens: maxTokens),
      candidate: candidate())
  }

  static func trial(_ name: String = "trial", model: ModelProfile = model()) -> TrialSpec {
    TrialSpec(
      id: TrialID(name), benchmark: BenchmarkID("benchmark"), purpose: .screening, model: model.id,
      candidates: [candidate()], workloads: [.chat], rounds: 1, seed: 1, timeLimitSeconds: 60)
  }

  static func jobLease(_ lease: String, _ job: JobAssignment = job()) -> Assignment {
    Assignment(lease: LeaseID(lease), work: .job(job))
  }

  static func trialLease(_ lease: String, _ trial: TrialSpec = trial()) -> Assignment {
    Assignment(lease: LeaseID(lease), work: .trial(trial))
  }

  static let metrics = Metrics(
    requestCount: 1, failedRequestCount: 0, promptTokenCount: 4, outputTokenCount: 8, wallSeconds: 1, cpuSeconds: 1,
    peakMemoryBytes: 1 << 20, loadSeconds: 0.5, ttft: latency, itl: latency, tpot: latency, e2e: latency)
  private static let latency = LatencySummary(meanMS: 1, p50MS: 1, p90MS: 1, p99MS: 1)

  static func measurement(
    _ id: String, source: MeasurementSource = .job(JobID("job")), outcome: Outcome = .completed(metrics),
    startedAtMS: Int64 = 1000
  ) -> Measurement {
    Measurement(
      id: MeasurementID(id), source: source, worker: WorkerName("worker"), hardware: hardware, model: model(),
      workload: .chat, configuration: candidate().configuration, fidelity: .exact, engineVersion: "1",
      startedAtMS: startedAtMS, outcome: outcome)
  }

  static func report(_ id: String, lease: String = "lease", isLast: Bool = true, startedAtMS: Int64 = 1000) -> Report {
    Report(
      lease: LeaseID(lease), measurement: measurement(id, startedAtMS: startedAtMS), isLast: isLast, output: "out \(id)"
    )
  }
}
