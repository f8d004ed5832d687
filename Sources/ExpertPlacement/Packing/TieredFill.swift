/// Experts poured into tiers of hosts, hottest first, LPT in time within each tier.
struct TieredFill {
  private(set) var hosts: [Int]

  init(tiers: [[Int]], problem: PlacementProblem, layer: Int) {
    let times = ExpertTimes(problem, layer: layer)
    let rooms = problem.cluster.hosts.map(\.slotCount)
    var order = times.tokens.indices.sorted { (times.tokens[$0], $1) > (times.tokens[$1], $0) }[...]
    hosts = [Int](repeating: 0, count: times.tokens.count)
    for tier in tiers {
      let experts = order.prefix(tier.reduce(0) { $0 + rooms[$1] })
      order = order.dropFirst(experts.count)
      let packed = HostPacking(
        seconds: tier.map { times.secondsPerToken[$0] }, room: tier.map { rooms[$0] },
        fixed: tier.map { times.fixed[$0] }
      ).pack(experts.map { times.tokens[$0] })
      for (expert, place) in zip(experts, packed) { hosts[expert] = tier[place] }
    }
  }
}
