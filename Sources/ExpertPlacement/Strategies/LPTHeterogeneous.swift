import Serving

/// LPT in time instead of tokens: a fast host gets more. As many experts on a host as it has memory for.
///
/// Objective: the busiest host's time in each layer by the hosts' measured speeds, one copy of each expert. Complexity as LPT.
struct LPTHeterogeneous: PlacementStrategy {
  let name = "lpt_heterogeneous"
  let summary = "lpt by the time each host takes, so that fast hosts get more"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    PlacementPlan(
      hostCount: problem.cluster.hostCount,
      hosts: (0..<problem.load.layerCount).map { layer in
        let times = ExpertTimes(problem, layer: layer)
        return HostPacking(
          seconds: times.secondsPerToken, room: problem.cluster.hosts.map(\.slotCount), fixed: times.fixed
        )
        .pack(times.tokens).map { [$0] }
      })
  }
}
