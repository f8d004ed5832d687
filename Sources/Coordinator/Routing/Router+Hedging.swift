import Serving

/// A second node for a job whose first is silent.
extension Router {
  /// Where the job may run beside its first attempt: of the nodes with a place, and nobody waiting for it, the one where
  /// it is worth most, by the first strategy there. No engine is put out for it. Nil where there is none.
  func second(
    _ job: RoutingJob, among ranked: RankedChoices, beside first: WorkerName, failed: [FailedChoice], at now: Double
  ) -> RouteOption? {
    var best: RouteOption?
    for place in ranked.facts.indices {
      let facts = ranked.facts[place]
      let node = nodes[facts.node]
      guard node.name != first, node.hasRoom, node.queue.isEmpty, ranked.first(of: facts.node) == place,
        !ranked.choices[place].isAmong(failed),
        node.engines.has(facts.engine, configuration: facts.configuration) || node.engines.leastUsed == nil
      else { continue }
      let option = predict(job, place, ranked, nil, at: now)
      if best.map({ option.isLate == $0.isLate ? option.value < $0.value : $0.isLate }) ?? true { best = option }
    }
    return best
  }
}
