import Serving

/// As few hosts as hold all experts: those with the most memory, faster ones first among equals.
///
/// Objective: hosts for each token. LPT in time among the chosen. O(L E log E).
struct Consolidate: PlacementStrategy {
  let name = "consolidate"
  let summary = "as few hosts as hold all experts"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    let seconds = problem.cluster.relativeSeconds
    let hosts = problem.cluster.hosts
    let order = hosts.indices.sorted {
      (hosts[$0].slotCount, seconds[$1], $1) > (hosts[$1].slotCount, seconds[$0], $0)
    }
    var chosen: [Int] = []
    var room = 0
    for host in order where room < problem.load.expertCount {
      chosen.append(host)
      room += hosts[host].slotCount
    }
    return PlacementPlan(
      hostCount: hosts.count,
      hosts: (0..<problem.load.layerCount).map { layer in
        TieredFill(tiers: [chosen], problem: problem, layer: layer).hosts.map { [$0] }
      })
  }
}
