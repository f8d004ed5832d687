import Serving

/// EPLB for unequal hosts: copies go to where they take the most time off the busiest host, and share an expert's tokens by
/// the time their hosts have left.
///
/// Objective: the busiest host's time in each layer, by measured speeds. LPT in time first; then, as long as slots are left,
/// the hottest share of the busiest host gets a copy on the host that is least busy, and all shares are balanced anew.
/// O(L R H E).
struct EPLBHeterogeneous: PlacementStrategy {
  let name = "eplb_heterogeneous"
  let summary = "copies of hot experts by the time hosts take, with unequal shares"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    PlacementPlan(
      hostCount: problem.cluster.hostCount, expertCount: problem.load.expertCount,
      layers: (0..<problem.load.layerCount).map { layer in
        let times = ExpertTimes(problem, layer: layer)
        let rooms = problem.cluster.hosts.map(\.slotCount)
        let packed = HostPacking(seconds: times.secondsPerToken, room: rooms, fixed: times.fixed).pack(times.tokens)
        var shares = SharedExperts(packed, times: times, rooms: rooms)
        shares.replicate()
        return .hosted(shares.shares)
      })
  }
}
