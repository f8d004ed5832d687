import Serving

/// Consecutive experts on the same host, as many on each as on the next where memory allows: what engines do by default.
///
/// Objective: none. O(L E).
struct Linear: PlacementStrategy {
  let name = "linear"
  let summary = "consecutive experts together, as many on each host; what engines do by default"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    let cluster = problem.cluster
    // As even as the slots allow: fill the level up until all experts have a place.
    var counts = [Int](repeating: 0, count: cluster.hostCount)
    var rest = problem.load.expertCount
    while rest > 0 {
      for host in counts.indices where rest > 0 && counts[host] < cluster.hosts[host].slotCount {
        counts[host] += 1
        rest -= 1
      }
    }
    let row = counts.indices.flatMap { [[Int]](repeating: [$0], count: counts[$0]) }
    return PlacementPlan(
      hostCount: cluster.hostCount, hosts: [[[Int]]](repeating: row, count: problem.load.layerCount))
  }
}
