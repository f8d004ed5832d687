import Serving

/// Every expert cut across its inner dimension over all hosts: perfect balance whatever the routing, paid with every token
/// going to every host.
///
/// Objective: balance without any forecast. Fractions follow the hosts' speeds as far as memory allows. O(L H).
/// Source: MoEShard (EuroMLSys 2025).
struct Shard: PlacementStrategy {
  let name = "shard"
  let summary = "every expert cut over all hosts by their speed"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    let cluster = problem.cluster
    let times = ExpertTimes(problem, layer: 0)
    let mean = times.tokens.reduce(0, +) / Double(max(1, times.tokens.count))
    let speeds = cluster.hosts.indices.map { host in
      1 / max(1e-30, max(mean * times.secondsPerToken[host], times.fixed[host]))
    }
    let limits = cluster.hosts.map { Double($0.slotCount) / Double(problem.load.expertCount) }
    var fractions = [Double](repeating: 0, count: cluster.hostCount)
    var open = Set(fractions.indices.filter { limits[$0] > 0 })
    // Hosts at their limit keep it; the rest is shared anew among the others.
    var rest = 1.0
    while rest > 1e-12, !open.isEmpty {
      let sum = open.reduce(0) { $0 + speeds[$1] }
      let full = open.filter { speeds[$0] / sum * rest >= limits[$0] }
      guard !full.isEmpty else {
        for host in open { fractions[host] = speeds[host] / sum * rest }
        break
      }
      for host in full { fractions[host] = limits[host] }
      open.subtract(full)
      rest = 1 - fractions.reduce(0, +)
    }
    // What rounding left goes to the largest part.
    let total = fractions.reduce(0, +)
    fractions = fractions.map { $0 / total }
    return PlacementPlan(
      hostCount: cluster.hostCount, expertCount: problem.load.expertCount,
      layers: [LayerPlacement](repeating: .sharded(fractions), count: problem.load.layerCount))
  }
}
