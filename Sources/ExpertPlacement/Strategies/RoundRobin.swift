import Serving

/// Experts dealt out to the hosts in turns; a full host is passed over (vLLM PR 23745).
///
/// Objective: none. O(L E).
struct RoundRobin: PlacementStrategy {
  let name = "round_robin"
  let summary = "experts dealt out to the hosts in turns"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    let cluster = problem.cluster
    var room = cluster.hosts.map(\.slotCount)
    var next = 0
    let row = (0..<problem.load.expertCount).map { _ in
      while room[next] == 0 { next = (next + 1) % room.count }
      room[next] -= 1
      defer { next = (next + 1) % room.count }
      return [next]
    }
    return PlacementPlan(
      hostCount: cluster.hostCount, hosts: [[[Int]]](repeating: row, count: problem.load.layerCount))
  }
}
