public import Serving

/// One way to plan where experts go. The seam: one file for each in Strategies/, all in `PlacementStrategies.all`.
public protocol PlacementStrategy: Sendable {
  /// As on the command line: lower case, words joined by underscores.
  var name: String { get }
  /// One line for people.
  var summary: String { get }

  /// A plan that `PlacementPlan.validate` takes for the problem's cluster. The same problem gives the same plan.
  ///
  /// - Throws: `badInput` saying what the strategy needs that the problem does not have.
  func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan
}

/// Every placement strategy. A new one is a file in Strategies/ and a line here.
public enum PlacementStrategies {
  public static let all: [any PlacementStrategy] = [
    Linear(), RoundRobin(), LPT(), LPTHeterogeneous(), EPLB(), EPLBHeterogeneous(), AffinityBalanced(), Grace(),
    NearTier(), Consolidate(), Shard(), HotFastColdSlow(), Search(), Keep(),
  ]

  /// - Throws: `badInput` naming those there are.
  public static func named(_ name: String) throws(ApusError) -> any PlacementStrategy {
    if let strategy = all.first(where: { $0.name == name }) { return strategy }
    throw ApusError(
      .badInput, "there is no placement strategy \(name)",
      advice: "one of " + all.map(\.name).joined(separator: ", "))
  }
}
