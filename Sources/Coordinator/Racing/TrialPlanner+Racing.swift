import Serving

/// What each machine does next, and how long it may take.
extension TrialPlanner {
  /// Seconds below which starting an engine is all that a trial would do.
  static let shortestTrial = 0.5
  /// Candidates of a machine's first trial: until its speed is known, a small one tells how many fit.
  static let firstCandidates = 4

  typealias Planned = (target: Int, spec: TrialSpec)

  mutating func nextTrial(_ lane: Int) -> Planned? {
    let all = lanes[lane].targets.filter { !targets[$0].isDropped }
    // While a lost worker may come back, the others go on; its own part waits.
    let present = all.filter { goneSince[targets[$0].target.worker] == nil }
    for isReduced in [false, true] {
      // In turns: were one model measured to its end first, nothing would be left for the others.
      let racing = present.filter { targets[$0].isReduced == isReduced && !targets[$0].hasRaced }
        .enumerated().sorted { (turns($0.element), $0.offset) < (turns($1.element), $1.offset) }.map(\.element)
      for target in racing where isReady(target, lane) {
        if let spec = heat(target, lane) { return (target, spec) }
        targets[target].hasRaced = true
      }
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

  /// How much of its share a target had; the first, small trials come before everything else.
  private func turns(_ target: Int) -> Double {
    targets[target].trialCount == 0 ? 0 : targets[target].spentSeconds / passSeconds(target)
  }

  // MARK: Further workers of a machine

  private func basis(_ target: Int, _ lane: Int) -> Int? {
    lanes[lane].targets.first {
      !targets[$0].isReduced && targets[$0].target.model.id == targets[target].target.model.id
    }
  }

  /// A further worker waits until the first one of its model is through, and begins with what that one found.
  private mutating func isReady(_ target: Int, _ lane: Int) -> Bool {
    guard targets[target].isReduced, let basis = basis(target, lane) else { return true }
    guard targets[basis].isDropped || targets[basis].hasRaced else { return false }
    if targets[target].trialCount == 0 { targets[target].inherit(targets[basis], options: options.race) }
    return true
  }

  // MARK: Time

  /// What a target's worker learned from another model, or another worker of the machine, to guess this one's blocks
  /// better.
  private func fallbackScale(_ target: Int) -> Double? {
    let own = targets[target].target
    let known = targets.filter { $0.cost.scale != nil && $0.target.hardware.machine == own.hardware.machine }
    return (known.first { $0.target.worker == own.worker } ?? known.first)?.cost.scale
  }

  func blockSeconds(_ target: Int, _ workload: Workload) -> Double {
    targets[target].cost.blockSeconds(workload, fallbackScale: fallbackScale(target))
  }

  /// One candidate, each workload once.
  func passSeconds(_ target: Int) -> Double {
    targets[target].cost.startingSeconds
      + targets[target].measuredWorkloads.reduce(0) { $0 + blockSeconds(target, $1) }
  }

  /// Seconds for the first workers of a machine, or for its further ones: they also get what the first left over.
  private func budget(_ lane: Int, isReduced: Bool) -> Double {
    let hasReduced = lanes[lane].targets.contains { targets[$0].isReduced && !targets[$0].isDropped }
    guard isReduced else { return spec.budgetSeconds * (hasReduced ? 1 - options.reducedShare : 1) }
    return spec.budgetSeconds
      - lanes[lane].targets.filter { !targets[$0].isReduced }.reduce(0) { $0 + targets[$1].spentSeconds }
  }

  /// Seconds that racing on a machine may still take.
  func secondsLeft(_ lane: Int) -> Double {
    spec.budgetSeconds - lanes[lane].targets.reduce(0) { $0 + targets[$1].spentSeconds }
  }

  /// A target's share of the time, by the length of its blocks, with its part of what those that are through left over.
  func share(_ target: Int, _ lane: Int) -> Double {
    let kin = lanes[lane].targets.filter {
      targets[$0].isReduced == targets[target].isReduced && !targets[$0].isDropped
    }
    let open = kin.filter { !targets[$0].hasRaced }
    let used = lanes[lane].targets.filter { targets[$0].isReduced == targets[target].isReduced && !open.contains($0) }
      .reduce(0) { $0 + targets[$1].spentSeconds }
    let passes = open.reduce(0) { $0 + passSeconds($1) }
    return (budget(lane, isReduced: targets[target].isReduced) - used) * passSeconds(target) / passes
  }

  /// Seconds of a target's share that paired rounds will need: first looks leave them alone.
  private func reserve(_ target: Int, _ share: Double) -> Double {
    let race = options.race
    let blocks = targets[target].measuredWorkloads.reduce(0) { $0 + blockSeconds(target, $1) }
    let need =
      Double(race.finalists + 1) * (Double(race.pairedRounds) * blocks + 2 * targets[target].cost.startingSeconds)
    return max(0, min(need, share * (1 - options.screeningShare)) - targets[target].pairedSeconds)
  }

  // MARK: Heats

  /// The next trial of a target's races; nil when they are decided, or nothing fits into what is left.
  private mutating func heat(_ target: Int, _ lane: Int) -> TrialSpec? {
    let share = share(target, lane)
    let left = share - targets[target].spentSeconds
    // A budget too small for the plan still gets one look at each target.
    let isFirst = targets[target].results.count == 0
    guard left > Self.shortestTrial || isFirst && left > 0 else {
      wasCutShort = wasCutShort || isFirst || !heats(target, screens: true).isEmpty
      return nil
    }
    if let trial = defaultAlone(target, within: left) { return trial }
    let reserve = reserve(target, share)
    if let trial = trial(target, heats(target, screens: true), .screening, within: left - reserve, isFirst: isFirst) {
      return trial
    }
    if let trial = trial(target, heats(target, screens: false), .paired, within: left, isFirst: false) { return trial }
    // The paired rounds are through: what was kept for them serves further first looks.
    let further = heats(target, screens: true)
    if let trial = trial(target, further, .screening, within: left, isFirst: false) { return trial }
    wasCutShort = wasCutShort || !further.isEmpty
    return nil
  }

  /// Workloads that no candidate can help, as on a server that somebody else started: what the default does there is all
  /// there is to measure, once. Nil when it was.
  private mutating func defaultAlone(_ target: Int, within seconds: Double) -> TrialSpec? {
    let plan = targets[target]
    var lineup = TrialLineup(target: plan.target, purpose: .screening, rounds: 1, most: 0)
    for workload in plan.measuredWorkloads
    where plan.race(workload)?.entrants.isEmpty == true
      && plan.results.measurements(plan.baseline.configuration, workload, [.screening]).isEmpty
    {
      lineup.addDefault(on: workload)
    }
    return lineup.isEmpty ? nil : trial(target, lineup, timeLimit: seconds)
  }

  /// What each race wants next, by the workload's place.
  private func heats(_ target: Int, screens: Bool) -> [(workload: Workload, heat: Heat)] {
    targets[target].measuredWorkloads.compactMap { workload in
      targets[target].race(workload)?.nextHeat(screens: screens)
        .map { (workload, $0) }
    }
  }

  /// As much of the heats of one purpose as fits: the most wanted of each workload first, so contenders go before rounds.
  private mutating func trial(
    _ target: Int, _ heats: [(workload: Workload, heat: Heat)], _ purpose: TrialPurpose, within seconds: Double,
    isFirst: Bool
  ) -> TrialSpec? {
    let wanted = heats.filter { $0.heat.purpose == purpose }
    guard !wanted.isEmpty, seconds > 0 else { return nil }
    let isUnknown = targets[target].cost.scale == nil && fallbackScale(target) == nil
    let most = isUnknown ? Self.firstCandidates : options.chunkSize - 1
    let rounds = wanted.map(\.heat.rounds).max()!
    for rounds in rounds > 1 ? [rounds, 1] : [1] {
      var lineup = TrialLineup(target: targets[target].target, purpose: purpose, rounds: rounds, most: most)
      for rank in 0..<(wanted.map(\.heat.candidates.count).max() ?? 0) {
        for (workload, heat) in wanted where heat.candidates.count > rank {
          lineup.add(
            heat.candidates[rank], on: workload, within: isFirst && lineup.isEmpty ? .infinity : seconds,
            starting: targets[target].cost.startingSeconds, block: { blockSeconds(target, $0) })
        }
      }
      guard !lineup.isEmpty else { continue }
      return trial(target, lineup, timeLimit: seconds)
    }
    return nil
  }

  // MARK: Making trials

  mutating func trial(_ target: Int, _ lineup: TrialLineup, timeLimit: Double) -> TrialSpec {
    trialCount += 1
    // Each trial has prompts of its own; those of the confirmation come from a seed that no earlier trial can have.
    let base = lineup.purpose == .confirmation ? spec.seed ^ 0x9E37_79B9_7F4A_7C15 : spec.seed
    var generator = SeededGenerator(seed: base &+ trialCount)
    return TrialSpec(
      id: identifiers.next("trial"), benchmark: spec.id, purpose: lineup.purpose,
      model: targets[target].target.model.id, candidates: lineup.candidates, workloads: lineup.workloads,
      lineups: lineup.lineups, rounds: lineup.rounds, seed: generator.next() >> 1, timeLimitSeconds: timeLimit)
  }
}
