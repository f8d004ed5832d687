public import Messaging
import Serving

/// Whether the winners really win, and what to tell the user.
extension TrialPlanner {
  /// A winner that was not run on fresh prompts yet.
  private struct Unconfirmed {
    var target: Int
    var workload: Workload
    var winner: Candidate
    var speedup: Double
  }

  /// Rounds of a confirmation, most first. With fewer than three pairs the interval says nothing.
  private static let confirmationRounds = [5, 4, 3]

  mutating func confirmation(_ lane: Int) -> Planned? {
    let left = options.confirmationSeconds - spent(lane, .confirmation)
    var wanted = unconfirmed(lane)
    guard !wanted.isEmpty else { return nil }
    // When not all fit, the smallest gains of the weakest workers go first: they are the least interesting.
    while wanted.count > 1, seconds(of: wanted, rounds: Self.confirmationRounds.last!) > left {
      wanted.removeLast()
    }
    guard let rounds = Self.confirmationRounds.first(where: { seconds(of: wanted, rounds: $0) <= left }) else {
      wasCutShort = true
      return nil
    }
    let first = wanted[0]
    let together = wanted.filter { $0.target == first.target && $0.winner == first.winner }
    let spec = trial(
      first.target, .confirmation, [first.winner], together.map(\.workload.shortBlock), rounds: rounds,
      timeLimit: min(left, 1.5 * seconds(of: together, rounds: rounds)))
    return (first.target, .confirmation, spec)
  }

  private func unconfirmed(_ lane: Int) -> [Unconfirmed] {
    var all: [Unconfirmed] = []
    for target in lanes[lane].targets where !targets[target].isDropped {
      for workload in spec.workloads where !targets[target].confirmed.contains(workload.shape) {
        guard let (winner, speedup) = winner(target, workload) else { continue }
        all.append(Unconfirmed(target: target, workload: workload, winner: winner, speedup: speedup))
      }
    }
    return all.sorted {
      let reduced = (targets[$0.target].isReduced, targets[$1.target].isReduced)
      return reduced.0 != reduced.1 ? reduced.1 : $0.speedup > $1.speedup
    }
  }

  private func seconds(of wanted: [Unconfirmed], rounds: Int) -> Double {
    var starts: Set<String> = []
    return wanted.reduce(0) { sum, one in
      let isNew = starts.insert("\(one.target) \(one.winner.configuration.fingerprint)").inserted
      let starting = isNew ? 2 * targets[one.target].cost.startingSeconds : 0
      return sum + starting + Double(2 * rounds) * blockSeconds(one.target, one.workload.shortBlock)
    }
  }

  /// What to confirm: the selector's choice where it has one, otherwise the best exact candidate of the rounds before;
  /// nil when nothing was better than the default.
  ///
  /// A candidate that only the screening saw (one pair) does not win over those that ran again: the best of many
  /// single looks is mostly luck.
  func winner(_ target: Int, _ workload: Workload) -> (candidate: Candidate, speedup: Double)? {
    let plan = targets[target]
    if let recommendation = plan.recommendations[workload.shape], recommendation.decision != .measureFirst {
      let chosen = recommendation.candidates.first {
        $0.candidate.isApplicable && $0.candidate.fidelity == .exact
          && !plan.results.broken.contains($0.candidate.configuration)
      }
      guard let chosen, chosen.candidate.configuration != plan.baseline.configuration,
        let speedup = chosen.speedup, speedup >= Self.winnerThreshold
      else { return nil }
      return (chosen.candidate, speedup)
    }
    var ranking = plan.results.ranking(plan.target.candidates, workload, fidelity: .exact)
    if ranking.contains(where: { $0.pairCount > 1 }) { ranking.removeAll { $0.pairCount == 1 } }
    guard let best = ranking.first, best.speedup >= Self.winnerThreshold else { return nil }
    return (best.candidate, best.speedup)
  }

  // MARK: Answers

  /// One for each target and workload of which anything is known.
  public var findings: [BenchmarkFinding] {
    targets.indices.flatMap { target in
      spec.workloads.compactMap { finding(target, $0) }
    }
  }

  private func finding(_ target: Int, _ workload: Workload) -> BenchmarkFinding? {
    let plan = targets[target]
    let baseline = plan.baseline.configuration
    let best = winner(target, workload)?.candidate ?? plan.baseline
    let bestMetrics = plan.results.medians(best.configuration, workload)
    let defaultMetrics = plan.results.medians(baseline, workload)
    guard bestMetrics != nil || defaultMetrics != nil else { return nil }
    let ratios = plan.results.ratios(best.configuration, workload, [.confirmation])
    let isBaseline = best.configuration == baseline
    let approximate = plan.results.ranking(plan.target.candidates, workload, fidelity: .approximate)
      .max { ($0.pairCount, $0.speedup) < ($1.pairCount, $1.speedup) }
    return BenchmarkFinding(
      model: plan.target.model.id, worker: plan.target.worker, workload: workload, best: best,
      defaultMetrics: defaultMetrics, bestMetrics: bestMetrics, speedup: isBaseline ? nil : ratios.speedup,
      speedupInterval: isBaseline ? nil : ratios.interval, pairCount: isBaseline ? 0 : ratios.count,
      approximate: approximate?.candidate, approximateSpeedup: approximate?.speedup,
      predicted: plan.recommendations[workload.shape]?.candidates
        .first { $0.candidate.configuration == best.configuration }?.predicted)
  }

  public func summary(at now: Duration) -> BenchmarkSummary {
    var outcomes: [String: Int] = [:]
    for plan in targets {
      outcomes.merge(plan.results.outcomes, uniquingKeysWith: +)
    }
    return BenchmarkSummary(
      benchmark: spec.id, findings: findings, measurementCount: outcomes.values.reduce(0, +), outcomes: outcomes,
      elapsedSeconds: (now - createdAt).seconds, wasCutShort: wasCutShort)
  }

  public func progress(at now: Duration) -> BenchmarkProgress {
    // The machine that is furthest behind says where the benchmark is.
    let purposes = Set(running.values.map(\.spec.purpose))
    let phase = TrialPurpose.allCases.first(where: purposes.contains) ?? lastPhase
    return BenchmarkProgress(
      benchmark: spec.id, phase: phase.rawValue, completedBlocks: completedBlocks,
      plannedBlocks: completedBlocks + foreseenBlocks, elapsedSeconds: (now - createdAt).seconds, latest: latest)
  }

  /// A guess that gets better: what runs, what is planned, and what usually follows.
  private var foreseenBlocks: Int {
    let workloadCount = spec.workloads.count
    let inTrials = running.values.reduce(0) { sum, trial in
      sum + max(0, trial.spec.candidates.count * trial.spec.workloads.count * trial.spec.rounds - trial.measuredBlocks)
    }
    var blocks = inTrials
    for lane in lanes.indices where !lanes[lane].isDone {
      let unscreened = lanes[lane].targets.filter { !targets[$0].isReduced && !targets[$0].isScreened }
      let pot = max(0, fullBudget(lane) * options.screeningShare - spent(lane, .screening))
      for target in lanes[lane].targets where !targets[target].isDropped {
        let plan = targets[target]
        if unscreened.contains(target) {
          let fitting = Int(pot / Double(unscreened.count) / passSeconds(target))
          blocks += max(0, min(plan.unscreened.count + 1, fitting) * workloadCount - inTrials)
        }
        if let groups = plan.paired {
          blocks += groups.reduce(0) { $0 + ($1.candidates.count + 1) * $1.workloads.count * $1.rounds }
        } else {
          blocks += (options.contenderCount + 1) * workloadCount * (plan.isReduced ? 1 : options.pairedRounds)
        }
        // About every second winner is worth a confirmation, and four rounds fit.
        blocks += (workloadCount - plan.confirmed.count) * 4
      }
    }
    return blocks
  }
}

extension Workload {
  /// The same shape in shorter blocks, so that a confirmation gets more pairs in its time.
  var shortBlock: Workload {
    var short = self
    short.requestCount = max(concurrency, (requestCount + 1) / 2)
    return short
  }
}
