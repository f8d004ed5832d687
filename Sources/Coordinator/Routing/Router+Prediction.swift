import Serving

/// What one choice promises now: its times there with the load as it is.
extension Router {
  /// What one choice promises now.
  ///
  /// - Parameter isPlaced: whether the job is in the node's queue already, as its last.
  func predict(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, _ session: SessionMemory.Place?, at now: Double,
    isPlaced: Bool = false
  ) -> RouteOption {
    predict(
      job, place, ranked, session, on: nodes[ranked.facts[place].node], outputTokens: outputTokens(job), at: now,
      isPlaced: isPlaced)
  }

  /// - Parameter node: the choice's, taken out of the list once.
  func predict(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, _ session: SessionMemory.Place?, on node: RoutingNode,
    outputTokens: Double, at now: Double, isPlaced: Bool = false
  ) -> RouteOption {
    let facts = ranked.facts[place]
    var option = RouteOption(choice: place, node: facts.node)
    option.hasRoom = node.hasRoom && node.queue.isEmpty
    option.runningCount = node.running.count
    option.waitingCount = node.queue.count
    option.slotCount = node.slotCount
    option.outstandingWork = node.outstandingWork
    option.workPerSecond = node.workPerSecond
    var behind = 0
    if isPlaced {
      option.wait = node.waitOfLast(at: now)
    } else {
      (option.wait, behind) = node.wait(due: job.due, at: now)
    }
    // Beside it run those that run now, or as many as there are places if it has to wait for one.
    let beside = Double(min(option.runningCount, option.slotCount - 1))
    option.cachedShare = cachedShare(job, facts, on: node, session)
    let read = max(Self.leastReadShare, 1 - node.cacheTrust * option.cachedShare)
    let length = Double(job.promptTokens) / ranked.promptTokens
    option.prefill = facts.ttft * length * read * node.prefill.factor(beside: beside)
    option.tpot = facts.tpot * node.decode.factor(beside: beside)
    option.outputTokens = outputTokens
    let loaded = node.engines.loaded(facts.engine, configuration: facts.configuration)
    let loadSeconds = loaded == nil ? loadSeconds(facts, on: node) : 0
    option.load =
      loaded.map { max(0, $0.readyAt - now) }
      ?? loadSeconds + node.untilIdle(node.engines.leastUsed?.engine, at: now)
    option.isLate = isLate(job, option, at: now)
    option.value = value(job, option, price: facts.price)
    let delayWeight = delayWeight(job.objective)
    if delayWeight > 0 {
      option.felt = option.value - delayWeight * option.load
      option.feltAtOnce = option.value - delayWeight * option.wait
    }
    if facts.price == nil {
      if loaded == nil { option.value += costOfLoad(loadSeconds, for: job, on: node, at: now) }
      option.value += job.size * node.costToOthers(service: option.service, behind: behind, at: now)
    }
    return option
  }

  private func loadSeconds(_ facts: RankedChoices.Facts, on node: RoutingNode) -> Double {
    node.engines.ownLoadSeconds(facts.engine) ?? facts.load
      ?? node.engines.loadSeconds(facts.engine) ?? Self.assumedLoadSeconds
  }

  private func cachedShare(
    _ job: RoutingJob, _ facts: RankedChoices.Facts, on node: RoutingNode, _ session: SessionMemory.Place?
  ) -> Double {
    guard job.promptBytes > 0 else { return 0 }
    let blocks = node.memory.overlap(job.blocks, engine: facts.engine)
    if blocks > 0 { return min(1, Double(blocks * PromptBlocks.bytes) / Double(job.promptBytes)) }
    // A prompt that does not begin with anything it knows is not cached; one too short to tell may be.
    guard let session, session.node == facts.node, session.engine == facts.engine, job.blocks.hashes.isEmpty else {
      return 0
    }
    return min(1, Double(session.tokens) / Double(max(1, job.promptTokens))) / 2
  }

  private func isLate(_ job: RoutingJob, _ option: RouteOption, at now: Double) -> Bool {
    if let deadline = job.deadline, now + option.e2e > deadline { return true }
    for slo in job.slos {
      let seconds =
        switch slo.metric {
        case .ttft: option.ttft
        case .tpot, .itl: option.tpot
        case .e2e: option.e2e
        }
      if seconds * 1000 > slo.limitMS { return true }
    }
    return false
  }
}
