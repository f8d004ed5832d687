/// How far the load that is seen has gone from the one a plan was made for, and whether that asks for a new plan.
public struct LoadDrift: Hashable, Sendable {
  /// A plan is stale when its balancedness, measured over planned, is below this.
  public static let leastBalance = 0.9
  /// Fewer routed tokens for each expert than this say nothing: chance alone unbalances them.
  public static let leastTokensPerExpert = 20.0

  /// Correlation of the experts' loads with the planned ones, mean over layers, -1 to 1. Halves of one task have 0.97 and
  /// more, different tasks 0.05 to 0.23 (DeepSeek-V2-Lite on ESFT's tasks).
  public let correlation: Double
  /// Mean over layers, for the planned load and for the one that is seen.
  public let plannedBalancedness: Double
  public let observedBalancedness: Double
  /// The layer whose balancedness fell most.
  public let worstLayer: Int
  private let tokensPerExpert: Double

  /// - Parameters:
  ///   - planned: what the plan was made for.
  ///   - observed: of the same model, as counts.
  public init(_ plan: PlacementPlan, planned: ExpertLoad, observed: ExpertLoad, cluster: PlacementCluster) {
    precondition(
      planned.layerCount == observed.layerCount && planned.expertCount == observed.expertCount, "loads of one model")
    let before = Balancedness(plan, load: planned, cluster: cluster)
    let now = Balancedness(plan, load: observed, cluster: cluster)
    plannedBalancedness = before.mean
    observedBalancedness = now.mean
    worstLayer = before.layers.indices.min { now.layers[$0] / before.layers[$0] < now.layers[$1] / before.layers[$1] }!
    let layers = 0..<planned.layerCount
    correlation =
      layers.reduce(0) { $0 + Self.correlation(planned.layer($1), observed.layer($1)) } / Double(layers.count)
    tokensPerExpert = observed.tokens.reduce(0, +) / Double(observed.tokens.count)
  }

  /// Measured over planned balancedness.
  public var balance: Double { observedBalancedness / plannedBalancedness }

  /// Why to plan again, in words; nil while the plan still fits.
  public var reason: String? {
    guard tokensPerExpert >= Self.leastTokensPerExpert, balance < Self.leastBalance else { return nil }
    return "the load has drifted: balancedness \(Self.rounded(observedBalancedness)) where "
      + "\(Self.rounded(plannedBalancedness)) was planned, worst in layer \(worstLayer); the experts' loads correlate "
      + "by \(Self.rounded(correlation)) with those planned for"
  }

  private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

  /// Pearson's; 1 where one of both does not vary.
  private static func correlation(_ a: ArraySlice<Double>, _ b: ArraySlice<Double>) -> Double {
    let (meanA, meanB) = (a.reduce(0, +) / Double(a.count), b.reduce(0, +) / Double(b.count))
    var (both, onlyA, onlyB) = (0.0, 0.0, 0.0)
    for (x, y) in zip(a, b) {
      both += (x - meanA) * (y - meanB)
      onlyA += (x - meanA) * (x - meanA)
      onlyB += (y - meanB) * (y - meanB)
    }
    let scale = (onlyA * onlyB).squareRoot()
    return scale > 0 ? both / scale : 1
  }
}
