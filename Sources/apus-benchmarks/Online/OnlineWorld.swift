import Glibc
import Selection
import Serving

/// A cluster with a hidden law, all from a seed: what a request costs in truth is its roofline, bent by factors that no
/// estimate knows: of the node, of the model on it, of each strategy there, and of what happened to the node since.
struct OnlineWorld: Sendable {
  let seed: UInt64
  /// Spreads of the factors' logarithms.
  static let ofNode = 0.5
  static let ofModel = 0.15
  static let ofWorkload = 0.1
  static let ofStrategy = 0.2
  /// Between requests.
  static let noise = 0.15

  struct Node: Sendable {
    var worker: WorkerName
    var hardware: HardwareProfile
    var engineVersion = "1"
    /// Everything takes so many times as long.
    var slowness = 1.0
  }

  func node(_ name: String, _ hardware: HardwareProfile) -> Node { Node(worker: WorkerName(name), hardware: hardware) }

  /// Logarithm of what a configuration costs over its roofline.
  private func bend(_ configuration: EngineConfiguration, _ model: ModelProfile, _ node: Node, _ workload: Workload)
    -> Double
  {
    let lengths = "\(Int(log2(workload.meanPromptTokens)))-\(Int(log2(workload.meanOutputTokens)))"
    var bend = Self.ofNode * normal("\(node.worker)") + Self.ofModel * normal("\(node.worker) \(model.id)")
    bend += Self.ofWorkload * normal("\(node.worker) \(model.id) \(lengths)") + log(node.slowness)
    guard !configuration.isDefault else { return bend }
    return bend + Self.ofStrategy * normal("\(node.worker) \(node.engineVersion) \(configuration.fingerprint)")
  }

  private func normal(_ name: String) -> Double {
    let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ seed) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    var generator = SeededGenerator(seed: hash)
    return Self.normal(&generator)
  }

  static func normal(_ generator: inout SeededGenerator) -> Double {
    let radius = (-2 * log(Double.random(in: Double.leastNormalMagnitude..<1, using: &generator))).squareRoot()
    return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
  }

  /// The whole request's time in truth, in milliseconds.
  func e2eMS(_ configuration: EngineConfiguration, _ model: ModelProfile, _ node: Node, _ workload: Workload) -> Double
  {
    estimate(configuration, model, node, workload).e2eMS * exp(bend(configuration, model, node, workload))
  }

  private func estimate(
    _ configuration: EngineConfiguration, _ model: ModelProfile, _ node: Node, _ workload: Workload
  ) -> CostEstimate {
    CostModel(model: model, available: SyntheticHistory.models, hardware: node.hardware, workload: workload)
      .estimate(configuration)
  }

  func measurement(
    _ id: String, _ source: MeasurementSource, _ candidate: Candidate, _ model: ModelProfile, _ node: Node,
    _ workload: Workload, drift: Double = 0, _ generator: inout SeededGenerator
  ) -> Measurement {
    let estimate = estimate(candidate.configuration, model, node, workload)
    let factor = exp(
      bend(candidate.configuration, model, node, workload) + drift + Self.noise * Self.normal(&generator))
    let output = workload.requestCount * Int(workload.meanOutputTokens)
    func latency(_ mean: Double) -> LatencySummary {
      LatencySummary(meanMS: mean, p50MS: 0.95 * mean, p90MS: 1.2 * mean, p99MS: 1.5 * mean)
    }
    return Measurement(
      id: MeasurementID(id), source: source, worker: node.worker, hardware: node.hardware, model: model,
      workload: workload, configuration: candidate.configuration, fidelity: candidate.fidelity,
      engineVersion: node.engineVersion, startedAtMS: 0,
      outcome: .completed(
        Metrics(
          requestCount: workload.requestCount, failedRequestCount: 0,
          promptTokenCount: workload.requestCount * Int(workload.meanPromptTokens), outputTokenCount: output,
          wallSeconds: Double(output) / estimate.throughput * factor, cpuSeconds: 1,
          peakMemoryBytes: Int(estimate.memoryBytes), loadSeconds: 0.5, ttft: latency(estimate.ttftMS * factor),
          itl: latency(estimate.tpotMS * factor), tpot: latency(estimate.tpotMS * factor),
          e2e: latency(estimate.e2eMS * factor))))
  }

  /// What a benchmark of a node would measure: in each workload the default and nine candidates, in two rounds.
  func benchmark(_ models: [ModelProfile], _ nodes: [Node]) -> [Measurement] {
    var generator = SeededGenerator(seed: seed ^ 0xBE7C)
    var measurements: [Measurement] = []
    for model in models {
      for node in nodes {
        for workload in Workload.builtIn {
          let candidates = SyntheticHistory.candidates(model, node.hardware, workload).filter(\.isApplicable)
          let chosen = [candidates[0]] + candidates.dropFirst().shuffled(using: &generator).prefix(9)
          let trial = TrialID("\(model.name)/\(node.worker)/\(workload.name)")
          for round in 0..<2 {
            let drift = 0.1 * Self.normal(&generator)
            for candidate in chosen {
              measurements.append(
                measurement(
                  "\(trial)/\(round)/\(candidate.configuration.fingerprint)",
                  .trial(trial, benchmark: BenchmarkID("b"), purpose: .paired, round: round), candidate, model, node,
                  workload, drift: drift, &generator))
            }
          }
        }
      }
    }
    return measurements
  }
}
