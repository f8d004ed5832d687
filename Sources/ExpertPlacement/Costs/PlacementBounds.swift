/// Times of a layer that cannot be beaten, in milliseconds; medians over the batches and layers that forecasts look at, so that
/// they compare with a plan's median.
public struct PlacementBounds: Hashable, Sendable {
  /// No placement is faster for tokens that go where they went: with any copies and cuts that the hosts' memory allows.
  public let lowerMS: Double
  /// The ceiling of any router and placement together: tokens spread so that all hosts end at once, over as few experts as
  /// they need. Never above `lowerMS`; what lies between is the routing's own skew.
  public let perfectRouterMS: Double

  /// Nil where hosts or model are not known, and for a load of nothing.
  public init?(_ problem: PlacementProblem) {
    guard let model = PlacementCostModel(cluster: problem.cluster, geometry: problem.geometry), let topK = problem.topK
    else { return nil }
    let bounds = PlacementForecast.demands(problem, topK: topK).filter { $0.total > 0 }.map { LayerBound($0, model) }
    guard !bounds.isEmpty else { return nil }
    lowerMS = bounds.map(\.seconds).sorted()[bounds.count / 2] * 1e3
    perfectRouterMS = bounds.map(\.ceilingSeconds).sorted()[bounds.count / 2] * 1e3
  }
}
