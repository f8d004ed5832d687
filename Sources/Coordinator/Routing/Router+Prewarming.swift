import Serving

/// Where jobs would go if engines were loaded that are not.
extension Router {
  var hasIdleNode: Bool { nodes.contains { $0.isIdle && $0.engines.isHeard && $0.engines.warming == nil } }

  /// Whether the engine of a choice can be loaded there before a job asks for it: nothing runs or waits there, what is
  /// loaded is known and stays, and nothing else is being loaded.
  private func canWarm(_ facts: RankedChoices.Facts) -> Bool {
    let node = nodes[facts.node]
    return node.isIdle && node.engines.isHeard && node.engines.warming == nil
      && !isLoaded(facts) && node.engines.hasRoom(for: facts.memoryBytes)
  }

  /// The choice that a job of a key would get now if each node had its first one loaded, as far as there is room; nil
  /// unless that is to be loaded first.
  ///
  /// - Returns: its place, what loading takes there, and how many seconds sooner the job would begin, or what is worth as
  ///   much to it, than as things are.
  func worthWarming(
    _ key: RouteKey, _ ranked: RankedChoices, at now: Double
  ) -> (place: Int, loadSeconds: Double, gain: Double)? {
    let weight = key.objective.delayWeight
    guard takesLeastValue, weight > 0 else { return nil }
    let open = ranked.facts.indices.filter { nodes[ranked.facts[$0].node].isOpen }
    let firsts = open.filter { ranked.first(of: ranked.facts[$0].node) == $0 }
    guard firsts.contains(where: { canWarm(ranked.facts[$0]) }) else { return nil }
    let job = foreseenJob(key, at: now)
    let places = open.filter { ranked.first(of: ranked.facts[$0].node) == $0 || isLoaded(ranked.facts[$0]) }
    let actual = best(places, for: job, ranked, at: now) { nodes[$0.node] }
    let imagined = best(firsts, for: job, ranked, at: now) { facts in
      var node = nodes[facts.node]
      if canWarm(facts) || isLoaded(facts) {
        node.engines.warm(facts.engine, configuration: facts.configuration, readyAt: now)
      }
      return node
    }
    let facts = ranked.facts[imagined.choice]
    guard canWarm(facts) else { return nil }
    let gain = (job.value(actual, price: nil) - job.value(imagined, price: nil)) / weight
    return (imagined.choice, nodes[facts.node].loadSeconds(facts), gain)
  }

  private func isLoaded(_ facts: RankedChoices.Facts) -> Bool {
    nodes[facts.node].engines.has(facts.engine, configuration: facts.configuration)
  }

  /// What the coordinator's own policy takes of these, with nodes as given.
  private func best(
    _ places: [Int], for job: RoutingJob, _ ranked: RankedChoices, at now: Double,
    on node: (RankedChoices.Facts) -> RoutingNode
  ) -> RouteOption {
    let options = places.map { place in
      var node = node(ranked.facts[place])
      return node.predict(job, place, ranked, nil, outputTokens: outputTokens(job), at: now)
    }
    return options[Foreseen.best(of: options)]
  }

  /// A job as most of a key are: nothing of its prompt is known to any engine.
  private func foreseenJob(_ key: RouteKey, at now: Double) -> RoutingJob {
    let work = RoutingJob.work(promptTokens: key.promptTokens, outputTokens: key.outputTokens)
    return RoutingJob(
      JobSpec(
        model: key.model, prompt: .text(""), maxTokens: key.outputTokens, objective: key.objective, limits: key.limits),
      promptTokens: key.promptTokens, deadline: nil, flow: FairClock.Flow(JobOwner(client: ""), priority: 0), tag: 0,
      due: due(work: work, deadline: nil, at: now), size: size(work: work))
  }

  /// The engine of a choice is being loaded there, though no job asked for it yet.
  mutating func warm(_ facts: RankedChoices.Facts, loadSeconds: Double, at now: Double) {
    nodes[facts.node].engines.warm(
      facts.engine, configuration: facts.configuration, readyAt: now + loadSeconds, bytes: facts.memoryBytes)
  }

  /// The engine that is being loaded so on a node.
  func warming(on name: WorkerName) -> Prewarming.Spot? {
    guard let node = nodes.firstIndex(where: { $0.name == name }), let engine = nodes[node].engines.warming?.engine
    else { return nil }
    return Prewarming.Spot(node: node, engine: engine)
  }
}
