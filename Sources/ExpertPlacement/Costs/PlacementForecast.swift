import Glibc

/// What a plan is expected to do, as far as the input allows to know.
public struct PlacementForecast: Hashable, Sendable {
  public var balancedness: Balancedness
  /// Hosts that a token's rows go to, mean over layers and tokens; nil without a trace.
  public var hostsPerTokenMean: Double?
  /// Bytes to hosts and back for a token in one layer; nil without a trace or the model's sizes.
  public var bytesPerToken: Double?
  /// Milliseconds of a layer for a batch: the median over batches and layers; nil where hosts or model are not known.
  public var layerP50MS: Double?
  public var layerP99MS: Double?
  /// What no plan can beat; nil where hosts or model are not known.
  public var bounds: PlacementBounds?
  public var lowerBoundMS: Double? { bounds?.lowerMS }

  /// Batches looked at in a trace, spread over it.
  public static let batchLimit = 32

  /// - Parameter bounds: of the problem, which are the same for all its plans.
  public init(_ plan: PlacementPlan, for problem: PlacementProblem, bounds: PlacementBounds?) {
    self.bounds = bounds
    balancedness = Balancedness(plan, load: problem.load, cluster: problem.cluster)
    if let trace = problem.trace {
      let hosts = Self.hostsPerToken(plan, trace)
      hostsPerTokenMean = hosts
      bytesPerToken = problem.geometry.map { hosts * $0.rowBytes }
    }
    guard let model = PlacementCostModel(cluster: problem.cluster, geometry: problem.geometry),
      let topK = problem.topK
    else { return }
    let times = Self.layerSeconds(plan, problem, model, topK: topK).sorted()
    guard !times.isEmpty else { return }
    layerP50MS = times[times.count / 2] * 1e3
    layerP99MS = times[min(times.count - 1, times.count * 99 / 100)] * 1e3
  }

  /// Seconds of each layer for each of some batches; from a load, of each layer for the expected batch.
  static func layerSeconds(
    _ plan: PlacementPlan, _ problem: PlacementProblem, _ model: PlacementCostModel, topK: Int
  ) -> [Double] {
    works(plan, problem, model, topK: topK).map { model.seconds(of: $0) }
  }

  /// What each host has to do, `[host]`, in each layer for each of some batches; from a load, in each layer for the expected
  /// batch.
  ///
  /// - Parameter limit: batches looked at in a trace, spread over it.
  public static func works(
    _ plan: PlacementPlan, _ problem: PlacementProblem, _ model: PlacementCostModel, topK: Int,
    limit: Int = batchLimit
  ) -> [[PlacementCostModel.HostWork]] {
    guard let trace = problem.trace, trace.tokenCount >= problem.batchTokens else {
      return plan.layers.indices.map { layer in
        model.expectedWorks(
          plan.layers[layer], load: problem.load.layer(layer), batchTokens: problem.batchTokens, topK: topK)
      }
    }
    return batches(trace, problem.batchTokens, limit).flatMap { tokens in
      plan.layers.indices.map { layer in
        model.works(plan.layers[layer], number: layer, dispatch: plan.dispatch, trace: trace, tokens: tokens)
      }
    }
  }

  /// What each of the same batches asks of each layer, in the order of `works`.
  static func demands(_ problem: PlacementProblem, topK: Int) -> [LayerDemand] {
    let batch = Double(problem.batchTokens)
    guard let trace = problem.trace, trace.tokenCount >= problem.batchTokens else {
      return (0..<problem.load.layerCount).map { layer in
        let load = problem.load.layer(layer)
        let total = max(load.reduce(0, +), .leastNormalMagnitude)
        let shares = load.map { min(1, Double(topK) * $0 / total) }
        return LayerDemand(
          tokens: shares.map { batch * $0 }, used: shares.map { 1 - pow(1 - $0, batch) }, topK: topK,
          rows: batch * (1 - shares.reduce(1) { $0 * (1 - $1) }), isExact: false)
      }
    }
    return batches(trace, problem.batchTokens, batchLimit).flatMap { tokens in
      (0..<trace.layerCount).map { layer in
        var counts = [Double](repeating: 0, count: trace.expertCount)
        for token in tokens { for expert in trace.experts(layer: layer, token: token) { counts[Int(expert)] += 1 } }
        return LayerDemand(
          tokens: counts, used: counts.map { $0 > 0 ? 1 : 0 }, topK: topK, rows: batch, isExact: true)
      }
    }
  }

  private static func batches(_ trace: RoutingTrace, _ size: Int, _ limit: Int) -> [Range<Int>] {
    let count = trace.tokenCount / size
    let step = max(1, count / limit)
    return stride(from: 0, to: count, by: step).map { $0 * size..<($0 + 1) * size }
  }

  private static func hostsPerToken(_ plan: PlacementPlan, _ trace: RoutingTrace) -> Double {
    var sum = 0
    var hosts: [Int] = []
    for (number, layer) in plan.layers.enumerated() {
      switch layer {
      case .sharded(let fractions):
        sum += fractions.count { $0 > 0 } * trace.tokenCount
      case .hosted(let experts):
        let route = TokenDispatch(experts, dispatch: plan.dispatch)
        for token in 0..<trace.tokenCount {
          hosts.removeAll(keepingCapacity: true)
          route.route(trace.experts(layer: number, token: token), token: token, into: &hosts)
          for place in hosts.indices where !hosts[..<place].contains(hosts[place]) { sum += 1 }
        }
      }
    }
    return Double(sum) / Double(trace.tokenCount * plan.layers.count)
  }
}
