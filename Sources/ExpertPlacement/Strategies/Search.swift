import Glibc
public import Serving

/// Simulated annealing on the cost model: the reference that says how much the quick strategies leave.
///
/// Objective: the expected layer time, or where that is not known the busiest host. Starts from the best of LPT in time and
/// EPLB with unequal shares; moves and swaps single copies. O(L steps E). Seeded.
public struct Search: PlacementStrategy {
  public let name = "search"
  public let summary = "simulated annealing on the cost model, slow: what the quick strategies leave"

  /// Steps for each layer.
  public var stepCount = 2000

  public init() {}

  public func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    var starts: [PlacementPlan] = []
    for strategy in [LPTHeterogeneous(), NearTier(), AffinityBalanced(), Consolidate()] as [any PlacementStrategy] {
      // One that needs more than the problem has is no start.
      if let plan = try? strategy.plan(problem) { starts.append(plan) }
    }
    let cost = LayerCost(problem)
    var generator = SeededGenerator(seed: problem.seed)
    return PlacementPlan(
      hostCount: problem.cluster.hostCount,
      hosts: (0..<problem.load.layerCount).map { layer in
        var candidates = starts.map { Self.hosts($0.layers[layer]) }
        let start = candidates.min { cost.expectedSeconds($0, layer) < cost.expectedSeconds($1, layer) }!
        candidates.append(anneal(start, problem, cost, layer, &generator))
        // Annealed by what is expected; chosen by the tokens that came, where they are known.
        let costs = candidates.map { cost.seconds($0, layer) }
        return candidates[costs.indices.min { costs[$0] < costs[$1] }!].map { [$0] }
      })
  }

  private static func hosts(_ layer: LayerPlacement) -> [Int] {
    guard case .hosted(let experts) = layer else { preconditionFailure("the starts host whole experts") }
    return experts.map { $0[0].host }
  }

  private func anneal(
    _ start: [Int], _ problem: PlacementProblem, _ cost: LayerCost, _ layer: Int, _ generator: inout SeededGenerator
  ) -> [Int] {
    let hostCount = problem.cluster.hostCount
    guard hostCount > 1 else { return start }
    var left = problem.cluster.hosts.map(\.slotCount)
    for host in start { left[host] -= 1 }
    let startCost = cost.expectedSeconds(start, layer)
    var (current, currentCost) = (start, startCost)
    var (best, bestCost) = (current, currentCost)
    for step in 0..<stepCount {
      let heat = 0.05 * startCost * (1 - Double(step) / Double(stepCount))
      var next = current
      let expert = Int.random(in: 0..<next.count, using: &generator)
      let host = Int.random(in: 0..<hostCount, using: &generator)
      let from = next[expert]
      guard host != from else { continue }
      let isMove = left[host] > 0 && Bool.random(using: &generator)
      if isMove {
        next[expert] = host
      } else {
        let others = next.indices.filter { next[$0] == host }
        guard let other = others.randomElement(using: &generator) else { continue }
        next[expert] = host
        next[other] = from
      }
      let nextCost = cost.expectedSeconds(next, layer)
      let chance = Double.random(in: 0..<1, using: &generator)
      guard nextCost <= currentCost || chance < exp((currentCost - nextCost) / max(heat, 1e-300)) else {
        continue
      }
      if isMove {
        left[from] += 1
        left[host] -= 1
      }
      (current, currentCost) = (next, nextCost)
      if currentCost < bestCost { (best, bestCost) = (current, currentCost) }
    }
    return best
  }
}

/// Seconds of a layer with one host for each expert, as quick as can be.
private struct LayerCost {
  private let problem: PlacementProblem
  private let model: PlacementCostModel?
  private let seconds: [Double]

  init(_ problem: PlacementProblem) {
    self.problem = problem
    model = problem.topK == nil ? nil : PlacementCostModel(cluster: problem.cluster, geometry: problem.geometry)
    seconds = problem.cluster.relativeSeconds
  }

  func seconds(_ hosts: [Int], _ layer: Int) -> Double {
    guard let model, problem.topK != nil, let trace = problem.trace, trace.tokenCount >= problem.batchTokens else {
      return expectedSeconds(hosts, layer)
    }
    let batches = min(4, trace.tokenCount / problem.batchTokens)
    let placement = LayerPlacement.hosted(hosts.map { [HostShare(host: $0, weight: 1)] })
    return (0..<batches).reduce(0) { sum, batch in
      let start = batch * (trace.tokenCount / batches)
      return sum
        + model.seconds(
          of: model.works(
            placement, number: layer, dispatch: .split, trace: trace, tokens: start..<start + problem.batchTokens))
    }
  }

  func expectedSeconds(_ hosts: [Int], _ layer: Int) -> Double {
    if let model, let topK = problem.topK {
      return model.seconds(
        of: model.expectedWorks(
          .hosted(hosts.map { [HostShare(host: $0, weight: 1)] }), load: problem.load.layer(layer),
          batchTokens: problem.batchTokens, topK: topK))
    }
    var busy = [Double](repeating: 0, count: seconds.count)
    for (tokens, host) in zip(problem.load.layer(layer), hosts) { busy[host] += tokens * seconds[host] }
    return busy.max() ?? 0
  }
}
