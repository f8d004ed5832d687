import Coordinator
import Messaging
import Serving

/// A pretended engine: how long a request takes with each configuration, which no planner is told.
struct HiddenCosts: Sendable {
  /// Knobs that divide the time of a request, by workload name; 1 for all others.
  var speedups: [String: [KnobName: Double]]
  var baseSeconds = 1.0
  /// Standard deviation of the logarithm of a block's time.
  var noise = 0.05
  /// Configurations with this knob crash.
  var crashing: Set<KnobName> = []
  /// Configurations with this knob say other tokens than the default.
  var inexact: Set<KnobName> = []
  /// What every approximate configuration loses, in nats per token.
  var divergence = 0.02
  var defaultCrashes = false
  /// What a value of a knob gives instead, by workload name: for knobs whose values differ.
  var byValue: [String: [KnobName: [KnobValue: Double]]] = [:]

  func seconds(_ configuration: EngineConfiguration, _ workload: Workload, slowness: Double = 1) -> Double {
    let known = speedups[workload.name] ?? [:]
    let values = byValue[workload.name] ?? [:]
    return configuration.knobs.reduce(baseSeconds * slowness) { seconds, knob in
      seconds / (values[knob.key]?[knob.value] ?? known[knob.key] ?? 1)
    }
  }

  func outcome(
    _ configuration: EngineConfiguration, _ workload: Workload, slowness: Double = 1,
    using generator: inout SeededGenerator
  ) -> Outcome {
    if configuration.knobs.keys.contains(where: crashing.contains) || configuration.isDefault && defaultCrashes {
      return .engineFailed(reason: "crashed", lastLines: "")
    }
    // The sum of twelve uniform draws is nearly normal.
    let normal = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }
    let seconds = seconds(configuration, workload, slowness: slowness) * (1 + noise * normal)
    return .completed(Fixture.metrics(e2eMS: seconds * 1000, workload: workload))
  }

  func quality(_ candidate: Candidate) -> QualityLoss {
    let isExact = !candidate.configuration.knobs.keys.contains(where: inexact.contains)
    return QualityLoss(
      positionCount: 256, topAgreement: isExact ? 1 : 0.75, decisiveMismatchCount: isExact ? 0 : 64,
      divergence: isExact && candidate.fidelity == .exact ? nil : divergence, probeVersion: 1)
  }

  /// The blocks of a trial in the order a worker runs them, each with when it ends; stops at the time limit.
  func run(
    _ spec: TrialSpec, worker: WorkerName, hardware: HardwareProfile, model: ModelProfile, slowness: Double = 1,
    startSeconds: Double = 0.5, using generator: inout SeededGenerator
  ) -> [(measurement: Measurement, atSeconds: Double)] {
    var at = startSeconds * Double(spec.candidates.count)
    var blocks: [(Measurement, Double)] = []
    var unprobed = Set(spec.qualityWanted.map { spec.candidates[$0] })
    for (place, workload) in spec.workloads.enumerated() {
      for round in 0..<spec.rounds {
        for candidate in spec.lineup(place).map({ spec.candidates[$0] }).shuffled(using: &generator) {
          if at >= spec.timeLimitSeconds { return blocks }
          let outcome = outcome(candidate.configuration, workload, slowness: slowness, using: &generator)
          at += outcome.metrics?.wallSeconds ?? 0.1
          var measurement = Fixture.measurement(
            "\(spec.id)/\(blocks.count)",
            source: .trial(spec.id, benchmark: spec.benchmark, purpose: spec.purpose, round: spec.firstRound + round),
            worker: worker, outcome: outcome, configuration: candidate.configuration, workload: workload, model: model,
            hardware: hardware)
          measurement.fidelity = candidate.fidelity
          if outcome.metrics != nil, unprobed.remove(candidate) != nil { measurement.quality = quality(candidate) }
          blocks.append((measurement, at))
        }
      }
    }
    return blocks
  }
}
