/// How evenly a plan spreads the work: for each layer, mean over maximum of the hosts' load, from 0 to 1. In time where the
/// hosts' speeds are known, in tokens otherwise (SGLang's and vLLM's measure).
public struct Balancedness: Hashable, Sendable {
  public let layers: [Double]

  public init(_ plan: PlacementPlan, load: ExpertLoad, cluster: PlacementCluster) {
    precondition(plan.layers.count == load.layerCount && plan.expertCount == load.expertCount, "a plan for this load")
    let seconds = cluster.relativeSeconds
    layers = plan.layers.indices.map { layer in
      let loads = Self.hostLoads(plan.layers[layer], load.layer(layer), hostCount: plan.hostCount)
      let times = zip(loads, seconds).map(*)
      let most = times.max() ?? 0
      return most > 0 ? times.reduce(0, +) / Double(times.count) / most : 1
    }
  }

  /// Unweighted over the layers.
  public var mean: Double { layers.reduce(0, +) / Double(max(1, layers.count)) }
  public var least: Double { layers.min() ?? 1 }

  /// Tokens of each host in one layer, `[host]`.
  ///
  /// - Parameter load: `[expert]`, of that layer.
  public static func hostLoads(_ layer: LayerPlacement, _ load: ArraySlice<Double>, hostCount: Int) -> [Double] {
    switch layer {
    case .sharded(let fractions):
      let total = load.reduce(0, +)
      return fractions.map { $0 * total }
    case .hosted(let experts):
      var loads = [Double](repeating: 0, count: hostCount)
      for (shares, tokens) in zip(experts, load) {
        for share in shares { loads[share.host] += tokens * share.weight }
      }
      return loads
    }
  }
}
