import Messaging
public import Serving

/// Engines that are loaded before their jobs come.
extension JobLedger {
  /// Jobs of before a restart, in any order. While the coordinator was away none could come, so its time is left out: the
  /// newest is taken to have come just now.
  public mutating func recall(_ records: [JobRecord], at now: Duration) {
    guard prewarming.isOn, let newest = records.map(\.submittedAtMS).max() else { return }
    for record in records.sorted(by: { $0.submittedAtMS < $1.submittedAtMS }) {
      foresee(record.spec, RouteKey(record.spec), at: now.seconds - Double(newest - record.submittedAtMS) / 1000)
    }
  }

  /// A job came, and more like it are foreseen.
  mutating func foresee(_ spec: JobSpec, _ key: RouteKey, at now: Double) {
    prewarming.mix.add(key, contextTokens: ContextBudget.tokens(for: spec, contextLength: 0), at: now)
  }

  /// Has an engine loaded where the jobs that are foreseen would be sent, if it were. What is foreseen is ranked as if a
  /// job waited.
  mutating func prewarm(at now: Duration, _ actions: inout [LedgerAction]) {
    // A trial has its machine to itself, and more of them may come.
    guard prewarming.startLooking(at: now.seconds), trials.isEmpty, router.hasIdleNode else { return }
    let hadNewNodes = prewarming.hasNewNodes
    prewarming.hasNewNodes = false
    var proposals: [Prewarming.Proposal] = []
    for kind in prewarming.mix.most(Prewarming.mostKinds, at: now.seconds) {
      if hadNewNodes || routes[kind.key]?.ranked == nil, routes[kind.key, default: Route()].startRanking() {
        actions.append(.rank(kind.key))
      }
      let route = routes[kind.key]!
      if route.isRanking {
        prewarming.lookAgain()
        // That was asked before the new node came.
        if route.isStale { prewarming.hasNewNodes = true }
        continue
      }
      guard let ranked = route.ranked,
        let (place, loadSeconds, gain) = router.worthWarming(kind.key, ranked, at: now.seconds)
      else { continue }
      let (choice, facts) = (ranked.choices[place], ranked.facts[place])
      guard workers[choice.worker]?.attachedEngines.contains(choice.candidate.configuration.engine) == false else {
        continue
      }
      proposals.append(
        Prewarming.Proposal(
          spot: Prewarming.Spot(node: facts.node, engine: facts.engine), loadSeconds: loadSeconds, jobs: kind.count,
          gain: kind.count * gain, key: kind.key, place: place, contextTokens: kind.contextTokens))
    }
    guard let chosen = prewarming.choose(among: proposals, at: now.seconds), let ranked = routes[chosen.key]?.ranked
    else { return }
    router.warm(ranked.facts[chosen.place], loadSeconds: chosen.loadSeconds, at: now.seconds)
    let choice = ranked.choices[chosen.place]
    actions.append(
      .warmUp(
        choice.worker,
        EngineWarmUp(
          model: chosen.key.model, configuration: choice.candidate.configuration, contextTokens: chosen.contextTokens)))
  }
}
