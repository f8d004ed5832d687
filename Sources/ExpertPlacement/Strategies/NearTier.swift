import Serving

/// The hosts that answer fastest get as many experts as they hold, then the next; LPT in time within a tier.
///
/// Objective: what is paid for reaching a host. Hosts are in one tier whose time for a mean expert is within a factor of two
/// of the tier's fastest; the hottest experts go to the first tier. O(L E log E). Source: topology-aware placement of SGLang
/// (PR 19772, 37923), with memory as the limit.
struct NearTier: PlacementStrategy {
  let name = "near_tier"
  let summary = "fastest and nearest hosts filled first, hottest experts first"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    PlacementPlan(
      hostCount: problem.cluster.hostCount,
      hosts: (0..<problem.load.layerCount).map { layer in
        TieredFill(tiers: Self.tiers(problem, layer), problem: problem, layer: layer).hosts.map { [$0] }
      })
  }

  /// Hosts by the time they take for a mean expert, latency included.
  static func tiers(_ problem: PlacementProblem, _ layer: Int) -> [[Int]] {
    let times = ExpertTimes(problem, layer: layer)
    let mean = times.tokens.reduce(0, +) / Double(max(1, times.tokens.count))
    let seconds = problem.cluster.hosts.indices.map { host in
      max(mean * times.secondsPerToken[host], times.fixed[host]) + 2 * problem.cluster.hosts[host].link.latencySeconds
    }
    var tiers: [[Int]] = []
    for host in seconds.indices.sorted(by: { (seconds[$0], $0) < (seconds[$1], $1) }) {
      if let first = tiers.last?.first, seconds[host] <= 2 * seconds[first] {
        tiers[tiers.count - 1].append(host)
      } else {
        tiers.append([host])
      }
    }
    return tiers
  }
}
