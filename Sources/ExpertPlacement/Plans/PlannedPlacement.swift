public import Serving

/// A plan, what it is expected to do, and how long it took to make.
public struct PlannedPlacement: Sendable {
  public let strategy: String
  public let plan: PlacementPlan
  public let forecast: PlacementForecast
  public let planMS: Double

  /// - Throws: `badInput` for a problem that has not what the strategy needs.
  public init(_ strategy: any PlacementStrategy, _ problem: PlacementProblem) throws(ApusError) {
    try self.init(strategy, problem, bounds: PlacementBounds(problem))
  }

  private init(
    _ strategy: any PlacementStrategy, _ problem: PlacementProblem, bounds: PlacementBounds?
  ) throws(ApusError) {
    let clock = ContinuousClock()
    let start = clock.now
    let plan = try strategy.plan(problem)
    planMS = (clock.now - start) / .milliseconds(1)
    // A strategy that plans nonsense is a bug, and is told as one here rather than on the hosts.
    try plan.validate(for: problem.cluster)
    self.strategy = strategy.name
    self.plan = plan
    forecast = PlacementForecast(plan, for: problem, bounds: bounds)
  }

  /// Every strategy's plan, in the strategies' order.
  ///
  /// - Returns: also the strategies that need more than the problem has, and what.
  public static func all(
    _ strategies: [any PlacementStrategy], _ problem: PlacementProblem
  ) -> (planned: [PlannedPlacement], refused: [(strategy: String, reason: String)]) {
    var planned: [PlannedPlacement] = []
    var refused: [(strategy: String, reason: String)] = []
    let bounds = PlacementBounds(problem)
    for strategy in strategies {
      do throws(ApusError) {
        planned.append(try PlannedPlacement(strategy, problem, bounds: bounds))
      } catch {
        refused.append((strategy.name, error.reason))
      }
    }
    return (planned, refused)
  }
}
