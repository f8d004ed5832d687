import Serving

/// What each machine does next.
extension TrialPlanner {
  /// Seconds below which starting an engine is all that a trial would do.
  static let shortestTrial = 0.5

  typealias Planned = (target: Int, phase: TrialPhase, spec: TrialSpec)

  mutating func nextTrial(_ lane: Int) -> Planned? {
    let all = lanes[lane].targets.filter { !targets[$0].isDropped }
    let present = all.filter { goneSince[targets[$0].target.worker] == nil }
    // In turns: were one model screened to its end first, nothing would be left for the others.
    let unscreened = present.filter { !targets[$0].isReduced && !targets[$0].isScreened }
      .enumerated().sorted { (targets[$0.element].screenings, $0.offset) < (targets[$1.element].screenings, $1.offset) }
    for (_, target) in unscreened {
      if let spec = screening(target, lane) { return (target, .screening, spec) }
      targets[target].isScreened = true
    }
    // While a lost worker may come back, the later phases of the others go on; its own wait.
    for target in present where !targets[target].isReduced {
      if let spec = paired(target, lane) { return (target, .paired, spec) }
    }
    for target in present where targets[target].isReduced && basisIsReady(target, lane) {
      if let spec = reduced(target, lane) { return (target, .reduced, spec) }
    }
    guard present.count == all.count else { return nil }
    if options.asksSelector, !lanes[lane].hasAskedSelector, !all.isEmpty {
      lanes[lane].awaitsSelector = true
      return nil
    }
    if let planned = confirmation(lane) { return planned }
    lanes[lane].isDone = true
    return nil
  }

  func fullBudget(_ lane: Int) -> Double {
    let hasReduced = lanes[lane].targets.contains { targets[$0].isReduced && !targets[$0].isDropped }
    return spec.budgetSeconds * (hasReduced ? 1 - options.reducedShare : 1)
  }

  func spent(_ lane: Int, _ phases: TrialPhase...) -> Double {
    phases.reduce(0) { $0 + lanes[lane].spent[$1, default: 0] }
  }

  /// What a target's worker learned from another model, to guess this one's blocks better.
  private func fallbackScale(_ target: Int) -> Double? {
    let worker = targets[target].target.worker
    return targets.first { $0.target.worker == worker && $0.cost.scale != nil }?.cost.scale
  }

  func blockSeconds(_ target: Int, _ workload: Workload) -> Double {
    targets[target].cost.blockSeconds(workload, fallbackScale: fallbackScale(target))
  }

  /// One candidate, each workload once.
  func passSeconds(_ target: Int, rounds: Int = 1, _ workloads: [Workload]? = nil) -> Double {
    targets[target].cost.startingSeconds
      + Double(rounds) * (workloads ?? spec.workloads).reduce(0) { $0 + blockSeconds(target, $1) }
  }

  // MARK: Screening

  private mutating func screening(_ target: Int, _ lane: Int) -> TrialSpec? {
    targets[target].unscreened.removeAll { [results = targets[target].results, spec] in
      results.isScreened($0.configuration, spec.workloads)
    }
    let baselineIsKnown = targets[target].results.isScreened(targets[target].baseline.configuration, spec.workloads)
    guard !targets[target].unscreened.isEmpty || !baselineIsKnown else { return nil }
    // The first, small trials share with everyone; later ones with those that had no more turns than this target.
    let turns = targets[target].screenings
    let waiting = lanes[lane].targets.filter {
      !targets[$0].isReduced && !targets[$0].isScreened && !targets[$0].isDropped
        && (turns == 0 || targets[$0].screenings <= turns)
    }
    let pot = fullBudget(lane) * options.screeningShare - spent(lane, .screening)
    let pass = passSeconds(target)
    let share = pot * pass / waiting.reduce(0) { $0 + passSeconds($1) }
    var count = min(Int(share / pass) - 1, options.chunkSize - 1, candidatesThatFit(target))
    // Until its speed is known a small first trial tells how many fit.
    if turns == 0 { count = min(count, 3) }
    if count < 1 {
      // A budget too small for the plan still gets one look at each target.
      guard targets[target].results.count == 0, share > 0 else {
        wasCutShort = wasCutShort || !targets[target].unscreened.isEmpty
        return nil
      }
      count = 1
    }
    let chunk = targets[target].unscreened.prefix(count)
    return trial(
      target, .screening, Array(chunk), spec.workloads, rounds: 1, timeLimit: share)
  }

  /// How many of the next candidates have engines that fit into the worker's memory side by side, next to the default's.
  /// One is tried in any case: the worker then ends the default's engine meanwhile.
  private func candidatesThatFit(_ target: Int) -> Int {
    let plan = targets[target]
    func bytes(_ candidate: Candidate) -> Int { plan.target.plannedBytes[candidate.configuration] ?? 0 }
    var room = plan.target.engineMemoryBytes - bytes(plan.baseline)
    let fitting = plan.unscreened.prefix { candidate in
      room -= bytes(candidate)
      return room >= 0
    }
    return max(1, fitting.count)
  }

  // MARK: Paired rounds

  private mutating func paired(_ target: Int, _ lane: Int) -> TrialSpec? {
    let left = fullBudget(lane) - spent(lane, .screening, .paired)
    if targets[target].paired == nil {
      let waiting = lanes[lane].targets.filter {
        !targets[$0].isReduced && targets[$0].paired == nil && !targets[$0].isDropped
      }
      let share = left * passSeconds(target) / waiting.reduce(0) { $0 + passSeconds($1) }
      targets[target].paired = pairedGroups(target, within: share)
    }
    return nextGroup(target, .paired, within: left)
  }

  private mutating func nextGroup(_ target: Int, _ purpose: TrialPurpose, within seconds: Double) -> TrialSpec? {
    while let group = targets[target].paired?.first {
      targets[target].paired!.removeFirst()
      let candidates = group.candidates.filter { !targets[target].results.broken.contains($0.configuration) }
      guard !candidates.isEmpty || targets[target].isReduced else { continue }
      guard seconds > Self.shortestTrial else {
        wasCutShort = true
        targets[target].paired = []
        return nil
      }
      return trial(target, purpose, candidates, group.workloads, rounds: group.rounds, timeLimit: seconds)
    }
    return nil
  }

  /// As thorough as the share allows: fewer contenders before fewer rounds.
  private mutating func pairedGroups(_ target: Int, within share: Double) -> [TrialGroup] {
    let fullCount = options.contenderCount
    let choices: [(exact: Int, approximate: Int, rounds: Int)] = [
      (fullCount, 1, options.pairedRounds), (2, 1, options.pairedRounds), (2, 0, options.pairedRounds),
      (1, 0, options.pairedRounds), (1, 0, 1),
    ]
    var groups: [TrialGroup] = []
    for choice in choices {
      groups = pairedGroups(target, choice.exact, choice.approximate, choice.rounds)
      if seconds(of: groups, target) <= share { return groups }
    }
    return groups
  }

  private func pairedGroups(_ target: Int, _ exact: Int, _ approximate: Int, _ rounds: Int) -> [TrialGroup] {
    var groups: [TrialGroup] = []
    for workload in spec.workloads {
      let contenders =
        contenders(target, workload, .exact, exact) + contenders(target, workload, .approximate, approximate)
      guard !contenders.isEmpty else { continue }
      if let same = groups.firstIndex(where: { Set($0.candidates) == Set(contenders) }) {
        groups[same].workloads.append(workload)
      } else {
        groups.append(TrialGroup(candidates: contenders, workloads: [workload], rounds: rounds))
      }
    }
    return groups
  }

  private func contenders(_ target: Int, _ workload: Workload, _ fidelity: Fidelity, _ count: Int) -> [Candidate] {
    // An approximate one must promise something: it costs quality.
    let threshold = fidelity == .exact ? Self.contenderThreshold : 1
    return targets[target].results.ranking(targets[target].target.candidates, workload, fidelity: fidelity)
      .filter { $0.speedup >= threshold }.prefix(count).map(\.candidate)
  }

  private func seconds(of groups: [TrialGroup], _ target: Int) -> Double {
    groups.reduce(0) { sum, group in
      sum + Double(group.candidates.count + 1) * passSeconds(target, rounds: group.rounds, group.workloads)
    }
  }

  // MARK: Further workers of a machine

  private func basis(_ target: Int, _ lane: Int) -> Int? {
    lanes[lane].targets.first {
      !targets[$0].isReduced && targets[$0].target.model.id == targets[target].target.model.id
    }
  }

  private func basisIsReady(_ target: Int, _ lane: Int) -> Bool {
    guard let basis = basis(target, lane) else { return true }
    return targets[basis].isDropped || targets[basis].paired?.isEmpty == true
  }

  private mutating func reduced(_ target: Int, _ lane: Int) -> TrialSpec? {
    let left = spec.budgetSeconds - spent(lane, .screening, .paired, .reduced)
    if targets[target].paired == nil {
      let waiting = lanes[lane].targets.filter {
        targets[$0].isReduced && targets[$0].paired == nil && !targets[$0].isDropped
      }
      targets[target].paired = reducedGroups(target, lane, within: left / Double(waiting.count))
    }
    return nextGroup(target, .paired, within: left)
  }

  /// For each workload the default and what the first worker found best; the default alone where it found nothing.
  private func reducedGroups(_ target: Int, _ lane: Int, within share: Double) -> [TrialGroup] {
    guard let basis = basis(target, lane) else { return [] }
    let own = targets[target].target.candidates
    var groups: [TrialGroup] = []
    for workload in spec.workloads {
      let winner = winner(basis, workload)?.candidate.configuration
      let candidates = own.filter { $0.configuration == winner }
      if let same = groups.firstIndex(where: { $0.candidates == candidates }) {
        groups[same].workloads.append(workload)
      } else {
        groups.append(
          TrialGroup(
            candidates: candidates, workloads: [workload], rounds: candidates.isEmpty ? 1 : options.pairedRounds))
      }
    }
    if seconds(of: groups, target) > share {
      for index in groups.indices {
        groups[index].rounds = 1
      }
    }
    return groups
  }

  // MARK: Making trials

  mutating func trial(
    _ target: Int, _ purpose: TrialPurpose, _ candidates: [Candidate], _ workloads: [Workload], rounds: Int,
    timeLimit: Double
  ) -> TrialSpec {
    trialCount += 1
    // Each trial has prompts of its own; those of the confirmation come from a seed that no earlier trial can have.
    let base = purpose == .confirmation ? spec.seed ^ 0x9E37_79B9_7F4A_7C15 : spec.seed
    var generator = SeededGenerator(seed: base &+ trialCount)
    return TrialSpec(
      id: identifiers.next("trial"), benchmark: spec.id, purpose: purpose, model: targets[target].target.model.id,
      candidates: [targets[target].baseline] + candidates, workloads: workloads, rounds: rounds,
      seed: generator.next() >> 1, timeLimitSeconds: timeLimit)
  }

  // MARK: After a trial

  mutating func finish(_ ended: RunningTrial) {
    let planned = ended.spec.candidates.count * ended.spec.workloads.count * ended.spec.rounds
    if ended.measuredBlocks < planned { wasCutShort = true }
    switch ended.phase {
    case .screening:
      // What the time limit left out had its turn; the next chunk is for others.
      targets[ended.target].screenings += 1
      let tried = Set(ended.spec.candidates.map(\.configuration))
      targets[ended.target].unscreened.removeAll { tried.contains($0.configuration) }
    case .confirmation:
      targets[ended.target].confirmed.formUnion(ended.spec.workloads.map(\.shape))
    case .paired, .reduced:
      break
    }
  }

  /// A trial that was broken off, by a job or with its worker, comes again with what it has not measured.
  mutating func resume(_ ended: RunningTrial, wasInterrupted: Bool) {
    let target = ended.target
    if wasInterrupted { targets[target].interruptions += 1 }
    guard targets[target].interruptions <= options.interruptions else {
      targets[target].isDropped = true
      wasCutShort = true
      return
    }
    switch ended.phase {
    case .screening, .confirmation:
      // Planned anew from the results.
      break
    case .paired, .reduced:
      let candidates = Array(ended.spec.candidates.dropFirst())
      targets[target].paired!.insert(
        TrialGroup(candidates: candidates, workloads: ended.spec.workloads, rounds: ended.spec.rounds), at: 0)
    }
  }
}
