import Serving

/// Experts that serve the same tokens together on a host, as far as no host gets much busier than the others.
///
/// Objective: co-activation within hosts, with no host above 1.5 times its fair share of the time. LPT in time first, then
/// the best swaps of two experts (Kernighan and Lin, 1970). Inputs: a trace, for co-activation `[expert][expert]`.
/// O(L E^2) for each swap. Sources: MoETuner (2025); GRACE-MoE (2025).
struct AffinityBalanced: PlacementStrategy {
  let name = "affinity_balanced"
  let summary = "experts that serve the same tokens together, without overloading a host"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    guard let trace = problem.trace else { throw Self.needsTrace(name) }
    return PlacementPlan(
      hostCount: problem.cluster.hostCount,
      hosts: (0..<problem.load.layerCount).map { layer in
        AffinityGroups(problem, trace, layer: layer, slack: 1.5).hosts.map { [$0] }
      })
  }

  static func needsTrace(_ name: String) -> ApusError {
    ApusError(
      .badInput, "\(name) plans by which experts are used together, and only their load is known",
      advice: "give a trace of the routing (--trace)")
  }
}
