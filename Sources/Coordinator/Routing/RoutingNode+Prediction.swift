import Serving

/// What a node promises a job now: its times there with the load as it is, and what it takes from others.
///
/// Nothing is changed. What every decision asks of every node is `mutating` all the same: then it is asked where the node
/// is, while a copy of a node counts all that the node refers to, which takes longer than the answer.
extension RoutingNode {
  /// What one choice of this node promises.
  ///
  /// - Parameters:
  ///   - outputTokens: that the job is expected to write.
  ///   - isPlaced: whether the job is in the node's queue already, as its last.
  mutating func predict(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, _ session: SessionMemory.Place?, outputTokens: Double,
    at now: Double, isPlaced: Bool = false
  ) -> RouteOption {
    let facts = ranked.facts[place]
    var option = RouteOption(choice: place, node: facts.node)
    option.hasRoom = hasRoom && queue.isEmpty
    option.runningCount = running.count
    option.waitingCount = queue.count
    option.slotCount = slotCount
    option.outstandingWork = outstandingWork
    option.workPerSecond = workPerSecond
    var behind = 0
    if isPlaced {
      option.wait = waitOfLast(at: now)
    } else {
      (option.wait, behind) = wait(due: job.due, at: now)
    }
    option.silence = silence(at: now)
    option.cachedShare = cachedShare(job, facts, session)
    let read = max(Router.leastReadShare, 1 - cacheTrust * option.cachedShare)
    (option.prefill, option.tpot) = seconds(of: job, facts, ranked, read: read)
    option.outputTokens = outputTokens
    let loaded = engines.loaded(facts.engine, configuration: facts.configuration)
    let loadSeconds = loaded == nil ? loadSeconds(facts) : 0
    option.load =
      loaded.map { max(0, $0.readyAt - now) } ?? loadSeconds + untilIdle(engines.leastUsed?.engine, at: now)
    option.isLate = job.isLate(option, at: now)
    option.value = job.value(option, price: facts.price)
    let delayWeight = job.delayWeight
    if delayWeight > 0 {
      option.felt = option.value - delayWeight * option.load
      option.feltAtOnce = option.value - delayWeight * option.wait
    }
    if facts.price == nil {
      if loaded == nil { option.value += costOfLoad(loadSeconds, for: job, at: now) }
      option.value += job.size * costToOthers(service: option.service, behind: behind, at: now)
    }
    return option
  }

  /// What no value of a choice is below, for a few multiplications: all but the prompt's end cached, loaded, no wait, and
  /// nothing taken from others. In a large pool it tells most nodes apart from the best.
  mutating func leastValue(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, outputTokens: Double
  ) -> Double {
    let facts = ranked.facts[place]
    var option = RouteOption(choice: place, node: facts.node)
    (option.prefill, option.tpot) = seconds(of: job, facts, ranked, read: Router.leastReadShare)
    option.outputTokens = outputTokens
    return job.value(option, price: facts.price)
  }

  /// What the prompt and each token take beside those that run now, or as many as there are places if the job has to wait
  /// for one.
  ///
  /// - Parameter read: the share of the prompt that is not cached.
  private func seconds(
    of job: RoutingJob, _ facts: RankedChoices.Facts, _ ranked: RankedChoices, read: Double
  ) -> (prefill: Double, tpot: Double) {
    let beside = Double(min(running.count, slotCount - 1))
    let length = Double(job.promptTokens) / ranked.promptTokens
    return (facts.ttft * length * read * prefill.factor(beside: beside), facts.tpot * decode.factor(beside: beside))
  }

  /// What loading the engine of a choice takes here.
  func loadSeconds(_ facts: RankedChoices.Facts) -> Double {
    engines.ownLoadSeconds(facts.engine) ?? facts.load
      ?? engines.loadSeconds(facts.engine) ?? Router.assumedLoadSeconds
  }

  private func cachedShare(
    _ job: RoutingJob, _ facts: RankedChoices.Facts, _ session: SessionMemory.Place?
  ) -> Double {
    guard job.promptBytes > 0 else { return 0 }
    let blocks = memory.overlap(job.blocks, engine: facts.engine)
    if blocks > 0 { return min(1, Double(blocks * PromptBlocks.bytes) / Double(job.promptBytes)) }
    // A prompt that does not begin with anything it knows is not cached; one too short to tell may be.
    guard let session, session.node == facts.node, session.engine == facts.engine, job.blocks.hashes.isEmpty else {
      return 0
    }
    return min(1, Double(session.tokens) / Double(max(1, job.promptTokens))) / 2
  }

  /// What loading an engine costs beside the job's own delay, in what a job's `value` counts.
  ///
  /// Where it puts another engine out, whoever wants that one back pays the same load. The jobs that come for it
  /// meanwhile, as many as of late, wait half of the load on average; and all the node's places are lost until it is over,
  /// of which the job pays the toll of its own anyway. An empty node is no use to anybody until somebody loads an engine
  /// there: that one pays a part, those who come after the rest.
  private func costOfLoad(_ seconds: Double, for job: RoutingJob, at now: Double) -> Double {
    let own = job.delayWeight
    guard let evicted = engines.leastUsed else { return own * seconds * (Router.firstLoadShare - 1) }
    let weight = max(1, own)
    let delayed = evicted.demand.perSecond(at: now) * seconds / 2
    let places = Double(slotCount - 1) * price.perSecond(at: now)
    return seconds * (weight + job.size * (weight * delayed + places))
  }
}

extension Router {
  /// What one choice promises now.
  ///
  /// - Parameter isPlaced: whether the job is in the node's queue already, as its last.
  func predict(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, _ session: SessionMemory.Place?, at now: Double,
    isPlaced: Bool = false
  ) -> RouteOption {
    var node = nodes[ranked.facts[place].node]
    return node.predict(
      job, place, ranked, session, outputTokens: outputTokens(job), at: now, isPlaced: isPlaced)
  }
}
