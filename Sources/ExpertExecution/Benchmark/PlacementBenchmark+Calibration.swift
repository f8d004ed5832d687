import ExpertPlacement
import Serving

/// Measures hub, links and hosts before anything is foreseen of them.
extension PlacementBenchmark {
  /// Batches of each size that count, after one that does not.
  private static let calibrationRounds = 3

  /// The cluster as a few batches of this size, and of a quarter of it, find it in the first layer. The plan is the one that
  /// balances what was described: every host has about what it will have, and works while the others do.
  func measuredCluster(
    _ trace: RoutingTrace, batchTokens: Int, on hosts: ExpertHub
  ) async throws(ApusError) -> PlacementCluster {
    let problem = try PlacementProblem(
      trace: trace, cluster: cluster, geometry: model.geometry, batchTokens: batchTokens)
    guard let costs = PlacementCostModel(cluster: cluster, geometry: model.geometry) else { return cluster }
    let plan = try PlacementStrategies.named("lpt_heterogeneous").plan(problem)
    let layer = batches.layers.lowerBound
    try await hosts.place(plan, layers: layer..<layer + 1)
    var observations: [ClusterCalibration.Observation] = []
    for size in Set([batchTokens, max(1, batchTokens / 4)]).sorted() {
      for round in 0...Self.calibrationRounds {
        if Task.isCancelled { throw ApusError(.tryAgain, "the measuring was cancelled") }
        // Of numbers below those that are planned for, raced and measured.
        let batch = await batches.batch(-2 - round, tokenCount: size)
        let routed = batch.routed[0]
        let timing = try await hosts.run(layer: layer, rows: batch.rows, routed: routed).timing
        guard round > 0 else { continue }
        let routes = try RoutingTrace(
          layerCount: 1, topK: routed.topK, expertCount: model.expertCount, experts: routed.experts)
        observations.append(
          ClusterCalibration.Observation(
            works: costs.works(
              plan.layers[layer], number: 0, dispatch: plan.dispatch, trace: routes, tokens: 0..<routes.tokenCount),
            timing: timing))
      }
    }
    return try ClusterCalibration(described: cluster, geometry: model.geometry).cluster(observations)
  }
}
