import Glibc
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
    let left = options.confirmationSeconds - lanes[lane].confirmationSeconds
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
    var lineup = TrialLineup(target: targets[first.target].target, purpose: .confirmation, rounds: rounds, most: 1)
    for one in together {
      lineup.add(first.winner, on: one.workload, within: .infinity, starting: 0, block: { _ in 0 })
    }
    let spec = trial(first.target, lineup, timeLimit: min(left, 1.5 * seconds(of: together, rounds: rounds)))
    return (first.target, spec)
  }

  private func unconfirmed(_ lane: Int) -> [Unconfirmed] {
    var all: [Unconfirmed] = []
    for target in lanes[lane].targets where !targets[target].isDropped {
      for workload in targets[target].measuredWorkloads where !targets[target].confirmed.contains(workload.shape) {
        guard let (winner, speedup) = winner(target, workload) else { continue }
        // A benchmark that was resumed may have confirmed it before.
        let pairs = targets[target].results.ratios(winner.configuration, workload, [.confirmation]).count
        guard pairs < Self.confirmationRounds.last! else { continue }
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
  func winner(_ target: Int, _ workload: Workload) -> (candidate: Candidate, speedup: Double)? {
    let plan = targets[target]
    guard let recommendation = plan.recommendations[workload.shape], recommendation.decision != .measureFirst else {
      return plan.leader(workload)
    }
    let chosen = recommendation.candidates.first {
      $0.candidate.isApplicable && $0.candidate.fidelity == .exact && isAskedFor($0.candidate)
        && !plan.results.broken.contains($0.candidate.configuration)
        && !plan.results.inexact.contains($0.candidate.configuration)
    }
    guard let chosen, chosen.candidate.configuration != plan.baseline.configuration,
      let speedup = chosen.speedup, speedup >= exp(Race.worthwhile)
    else { return nil }
    return (chosen.candidate, speedup)
  }

  /// The selector knows all methods; a benchmark of some confirms only those.
  private func isAskedFor(_ candidate: Candidate) -> Bool {
    spec.methods.isEmpty || candidate.configuration.methods.allSatisfy(spec.methods.contains)
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
    let approximate = plan.bestApproximate(workload)
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

  /// A guess that gets better: what runs, what the time that is left has room for, and the confirmation.
  private var foreseenBlocks: Int {
    var blocks = running.values.reduce(0) { $0 + max(0, $1.spec.blockCount - $1.measuredBlocks) }
    for lane in lanes.indices where !lanes[lane].isDone {
      let open = lanes[lane].targets.filter { !targets[$0].isDropped }
      let racing = open.filter { !targets[$0].hasRaced }
      if let first = racing.first {
        let passBlocks = Double(max(1, targets[first].measuredWorkloads.count))
        blocks += max(0, Int(secondsLeft(lane) / passSeconds(first) * passBlocks))
      }
      // About every second winner is worth a confirmation, and four rounds fit.
      blocks += open.reduce(0) { $0 + 4 * (targets[$1].measuredWorkloads.count - targets[$1].confirmed.count) }
    }
    return blocks
  }
}
