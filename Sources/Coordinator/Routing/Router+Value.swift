import Serving

/// What a way to run a job is worth to the job, and how its seconds weigh against others'.
extension Router {
  /// How much more a second before the first token weighs than one after it, where the whole is what counts: a reader
  /// waits for the first, and reads along with the others.
  static let firstTokenWeight = 2.0

  /// How many times a second that others lose weighs as much as one that a job itself loses.
  ///
  /// What counts is how many times as long each job takes, so a second weighs less with a long one. The share of the mean
  /// is squared, because most jobs are short and ask for little of the work; and it is bounded, because the longest would
  /// be pushed to the slowest nodes, and the shortest would rule the prices.
  func size(work: Double) -> Double {
    let share = min(max(work / (meanWork ?? work), 0.2), 2)
    return share * share
  }

  func value(_ job: RoutingJob, _ option: RouteOption, price: Double?) -> Double {
    switch job.objective {
    case .ttft: option.ttft
    // Its first token matters too, ten times less than it does to the whole.
    case .tpot: option.tpot * option.outputTokens + option.ttft / 10
    case .e2e, .throughput, .goodput: option.e2e + Self.firstTokenWeight * option.ttft
    // Price before time; but whoever asks for it does not wait behind a queue while another is free.
    case .cost, .energy: option.wait > 0 ? 1e9 + option.wait : price ?? 1e6 + option.e2e
    }
  }

  /// What `value` grows by with each second before the work begins: the wait, and the engine's load. 0 where the objective
  /// is no time.
  func delayWeight(_ objective: Objective) -> Double {
    switch objective {
    case .ttft: 1
    case .tpot: 0.1
    case .e2e, .throughput, .goodput: 1 + Self.firstTokenWeight
    case .cost, .energy: 0
    }
  }

  /// What loading an engine costs beside the job's own delay, in what `value` counts.
  ///
  /// Where it puts another engine out, whoever wants that one back pays the same load. The jobs that come for it
  /// meanwhile, as many as of late, wait half of the load on average; and all the node's places are lost until it is over,
  /// of which the job pays the toll of its own anyway. An empty node is no use to anybody until somebody loads an engine
  /// there: that one pays a part, those who come after the rest.
  func costOfLoad(_ seconds: Double, for job: RoutingJob, on node: RoutingNode, at now: Double) -> Double {
    let own = delayWeight(job.objective)
    guard let evicted = node.engines.leastUsed else { return own * seconds * (Self.firstLoadShare - 1) }
    let weight = max(1, own)
    let delayed = evicted.demand.perSecond(at: now) * seconds / 2
    let places = Double(node.slotCount - 1) * node.price.perSecond(at: now)
    return seconds * (weight + job.size * (weight * delayed + places))
  }

  /// What no value of a choice is below, for a few multiplications: all but the prompt's end cached, loaded, no wait, and
  /// nothing taken from others. In a large pool it tells most nodes apart from the best.
  func leastValue(
    _ job: RoutingJob, _ place: Int, _ ranked: RankedChoices, on node: RoutingNode, outputTokens: Double
  ) -> Double {
    let facts = ranked.facts[place]
    var option = RouteOption(choice: place, node: facts.node)
    let beside = Double(min(node.running.count, node.slotCount - 1))
    let length = Double(job.promptTokens) / ranked.promptTokens
    option.prefill = facts.ttft * length * Self.leastReadShare * node.prefill.factor(beside: beside)
    option.tpot = facts.tpot * node.decode.factor(beside: beside)
    option.outputTokens = outputTokens
    return value(job, option, price: facts.price)
  }
}
