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

/// All strategies on one problem, best first.
struct PlacementRanking {
  let planned: [PlannedPlacement]
  /// Strategies that need more than the problem has, and what.
  let refused: [(strategy: String, reason: String)]
  /// Milliseconds of a layer if tokens were spread over all experts evenly: what no placement can make up for is the rest.
  let perfectRouterMS: Double?

  init(_ problem: PlacementProblem, strategies: [any PlacementStrategy]) {
    var planned: [PlannedPlacement] = []
    var refused: [(strategy: String, reason: String)] = []
    for strategy in strategies {
      do throws(ApusError) {
        planned.append(try PlannedPlacement(strategy, problem))
      } catch {
        refused.append((strategy.name, error.reason))
      }
    }
    self.refused = refused
    self.planned = planned.sorted { Self.isBetter($0.forecast, $1.forecast) }
    perfectRouterMS = PlacementForecast.perfectRouterMS(for: problem)
  }

  private static func isBetter(_ a: PlacementForecast, _ b: PlacementForecast) -> Bool {
    if let first = a.layerP50MS, let second = b.layerP50MS { return first < second }
    return a.balancedness.mean > b.balancedness.mean
  }
}
