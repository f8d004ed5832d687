import Serving

/// What was measured on one target so far: which candidates are out, which are ahead.
struct TargetResults: Sendable {
  let objective: Objective
  let baseline: EngineConfiguration
  /// By configuration and workload shape; without samples.
  private var blocks: [EngineConfiguration: [String: [Measurement]]] = [:]
  /// Candidates that failed once: a few seconds of engine time are not worth a second crash.
  private(set) var broken: Set<EngineConfiguration> = []
  /// Candidates that should be exact and were seen not to be.
  private(set) var inexact: Set<EngineConfiguration> = []
  private(set) var outcomes: [String: Int] = [:]
  private(set) var count = 0

  init(objective: Objective, baseline: EngineConfiguration) {
    self.objective = objective
    self.baseline = baseline
  }

  mutating func record(_ measurement: Measurement) {
    var measurement = measurement
    measurement.samples = []
    count += 1
    outcomes[measurement.outcome.kind, default: 0] += 1
    switch measurement.outcome {
    case .completed(let metrics) where metrics.failedRequestCount == 0 && metrics.requestCount > 0:
      blocks[measurement.configuration, default: [:]][measurement.workload.shape, default: []].append(measurement)
    case .cancelled, .lostWorker:
      break
    case .completed, .outOfMemory, .timedOut, .engineFailed:
      broken.insert(measurement.configuration)
    }
  }

  /// It promised to say what the default says, and was seen not to: here, or on another worker with this model.
  mutating func noteInexact(_ configuration: EngineConfiguration) { inexact.insert(configuration) }

  /// Configurations with a block of this workload.
  func configurations(_ workload: Workload) -> [EngineConfiguration] {
    blocks.compactMap { $1[workload.shape] == nil ? nil : $0 }
  }

  func measurements(
    _ configuration: EngineConfiguration, _ workload: Workload, _ purposes: Set<TrialPurpose>
  ) -> [Measurement] {
    (blocks[configuration]?[workload.shape] ?? []).filter { $0.source.purpose.map(purposes.contains) ?? false }
  }

  func ratios(
    _ configuration: EngineConfiguration, _ workload: Workload, _ purposes: Set<TrialPurpose>
  ) -> PairedRatios {
    PairedRatios(
      candidate: measurements(configuration, workload, purposes),
      baseline: measurements(baseline, workload, purposes), objective: objective)
  }

  /// Medians over the blocks of the confirmation; over the paired rounds, or the screening, where there was none.
  func medians(_ configuration: EngineConfiguration, _ workload: Workload) -> Metrics? {
    for purpose in [TrialPurpose.confirmation, .paired, .screening] {
      let metrics = measurements(configuration, workload, [purpose]).compactMap(\.outcome.metrics)
      if let median = Metrics.medians(of: metrics) { return median }
    }
    return nil
  }
}
