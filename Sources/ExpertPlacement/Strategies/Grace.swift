import Serving

/// Affinity groups without equal sizes, copies of hot experts where they save the most, and tokens that prefer a host they go
/// to anyway.
///
/// Objective: hosts for each token first, then the busiest host. Affinity groups with twice the fair time allowed; then each
/// free slot gets the expert whose tokens are on that host most often already; shares balance what is left; dispatch is by
/// locality. Inputs: a trace. O(L (E^2 swaps + R E)). Source: GRACE-MoE (arXiv 2509.25041).
struct Grace: PlacementStrategy {
  let name = "grace"
  let summary = "affinity groups, copies where their tokens are already, dispatch by locality (GRACE-MoE)"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    guard let trace = problem.trace else { throw AffinityBalanced.needsTrace(name) }
    let rooms = problem.cluster.hosts.map(\.slotCount)
    return PlacementPlan(
      hostCount: problem.cluster.hostCount,
      hosts: (0..<problem.load.layerCount).map { layer in
        let groups = AffinityGroups(problem, trace, layer: layer, slack: 2)
        return Self.replicated(groups, rooms: rooms)
      }, dispatch: .locality)
  }

  private static func replicated(_ groups: AffinityGroups, rooms: [Int]) -> [[Int]] {
    let count = groups.hosts.count
    var hosts = groups.hosts.map { [$0] }
    for host in rooms.indices {
      var left = rooms[host] - groups.hosts.count { $0 == host }
      // Tokens of each expert that are on this host anyway.
      var near = [Float](repeating: 0, count: count)
      for member in groups.hosts.indices where groups.hosts[member] == host {
        for expert in 0..<count { near[expert] += groups.coActivation[expert * count + member] }
      }
      for expert in (0..<count).sorted(by: { (near[$0], $1) > (near[$1], $0) }) where left > 0 && near[expert] > 0 {
        guard !hosts[expert].contains(host) else { continue }
        hosts[expert].append(host)
        left -= 1
      }
    }
    return hosts
  }
}
