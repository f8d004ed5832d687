import Serving

/// Stays as it is: a move is not free, and users saw new placements cost more than they gave.
///
/// O(1).
struct Keep: PlacementStrategy {
  let name = "keep"
  let summary = "the placement in use"

  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    guard let current = problem.current else {
      throw ApusError(.badInput, "no placement is in use that could be kept", advice: "give it, or plan a new one")
    }
    return current
  }
}
