public import Serving

/// Going on with a benchmark that was interrupted.
extension TrialPlanner {
  /// Takes in what an earlier run of this benchmark measured, with the time it took: nothing is measured again, and the
  /// budget goes on where it was.
  ///
  /// Call it before the first `next`.
  public mutating func resume(from earlier: [Measurement], at now: Duration) {
    var trials: Set<TrialID> = []
    var loaded: Set<LoadedEngine> = []
    for measurement in earlier {
      guard case .trial(let trial, _, let purpose, _) = measurement.source, let index = index(of: measurement) else {
        continue
      }
      trials.insert(trial)
      var seconds = measurement.outcome.metrics?.wallSeconds ?? 0
      if loaded.insert(LoadedEngine(trial: trial, configuration: measurement.configuration)).inserted {
        seconds += measurement.outcome.metrics?.loadSeconds ?? 0
      }
      measured(measurement, at: now)
      spend(seconds, purpose, target: index)
    }
    // Other prompts than any that were seen: a second interruption before anything was measured changes nothing.
    trialCount = UInt64(trials.count) << 32
  }

  /// Time that a trial took: the confirmation's is the machine's, all other the target's.
  mutating func spend(_ seconds: Double, _ purpose: TrialPurpose, target: Int) {
    guard purpose != .confirmation else {
      if let lane = lanes.firstIndex(where: { $0.targets.contains(target) }) {
        lanes[lane].confirmationSeconds += seconds
      }
      return
    }
    targets[target].spentSeconds += seconds
    if purpose == .paired { targets[target].pairedSeconds += seconds }
  }
}

/// An engine of a trial: it was loaded once.
private struct LoadedEngine: Hashable {
  var trial: TrialID
  var configuration: EngineConfiguration
}
