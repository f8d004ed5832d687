import Serving

/// Hot experts on the fastest memory, cold ones on the rest: for nodes with a GPU beside nodes without.
///
/// Objective: tokens served from fast memory. Unlike the other strategies it looks at all layers together: the hottest
/// experts of any layer take the fast hosts' slots of that layer, one tier after the other by memory bandwidth. LPT in time
/// within a tier. O(L E log E). Sources: KTransformers (SOSP 2025), Fiddler (ICLR 2025).
struct HotFastColdSlow: PlacementStrategy {
  let name = "hot_fast_cold_slow"
  let summary = "hot experts on the hosts with the fastest memory, cold ones on the others"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    guard problem.cluster.isMeasured else {
      throw ApusError(
        .badInput, "\(name) plans by the hosts' memory bandwidth, which is not known",
        advice: "describe the hosts in a file (--cluster)")
    }
    let hosts = problem.cluster.hosts
    var tiers: [[Int]] = []
    for host in hosts.indices.sorted(by: {
      (hosts[$0].speed!.memoryBytesPerSecond, $1) > (hosts[$1].speed!.memoryBytesPerSecond, $0)
    }) {
      if let first = tiers.last?.first,
        hosts[host].speed!.memoryBytesPerSecond >= hosts[first].speed!.memoryBytesPerSecond / 2
      {
        tiers[tiers.count - 1].append(host)
      } else {
        tiers.append([host])
      }
    }
    return PlacementPlan(
      hostCount: hosts.count,
      hosts: (0..<problem.load.layerCount).map { layer in
        TieredFill(tiers: tiers, problem: problem, layer: layer).hosts.map { [$0] }
      })
  }
}
