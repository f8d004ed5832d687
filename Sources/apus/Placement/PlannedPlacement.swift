import ExpertPlacement
import Foundation
import Serving

/// A plan, what it is expected to do, and how long it took to make.
struct PlannedPlacement {
  let strategy: String
  let plan: PlacementPlan
  let forecast: PlacementForecast
  let planMS: Double

  init(_ strategy: any PlacementStrategy, _ problem: PlacementProblem) throws(ApusError) {
    let clock = ContinuousClock()
    let start = clock.now
    let plan = try strategy.plan(problem)
    planMS = (clock.now - start) / .milliseconds(1)
    // A strategy that plans nonsense is a bug, and is told as one here rather than on the hosts.
    try plan.validate(for: problem.cluster)
    self.strategy = strategy.name
    self.plan = plan
    forecast = PlacementForecast(plan, for: problem)
  }
}
