import Serving

/// Longest processing time first: the busiest expert goes to the least busy host with room; then the best moves and swaps
/// off the busiest host, until none helps.
///
/// Objective: the busiest host's tokens in each layer, all hosts taken as equal, one copy of each expert. Without the moves
/// 4/3 of the best at worst (Graham, 1969). O(L (E log E + E H)) and O(E H) for each move.
struct LPT: PlacementStrategy {
  let name = "lpt"
  let summary = "busiest expert to the least busy host, then moves and swaps; hosts taken as equal"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    let packing = HostPacking(
      seconds: [Double](repeating: 1, count: problem.cluster.hostCount),
      room: Self.evenRoom(problem.cluster, problem.load.expertCount))
    return PlacementPlan(
      hostCount: problem.cluster.hostCount,
      hosts: (0..<problem.load.layerCount).map { layer in
        packing.pack(Array(problem.load.layer(layer))).map { [$0] }
      })
  }

  /// As many experts on each host as on the next, where its memory allows: equal hosts read as many weights.
  static func evenRoom(_ cluster: PlacementCluster, _ expertCount: Int) -> [Int] {
    var share = (expertCount + cluster.hostCount - 1) / cluster.hostCount
    while cluster.hosts.reduce(0, { $0 + min($1.slotCount, share) }) < expertCount { share += 1 }
    return cluster.hosts.map { min($0.slotCount, share) }
  }
}
