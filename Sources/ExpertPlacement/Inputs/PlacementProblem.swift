public import Serving

/// All that a placement strategy may look at.
public struct PlacementProblem: Sendable {
  public let load: ExpertLoad
  /// Nil where only counts are known.
  public let trace: RoutingTrace?
  public let cluster: PlacementCluster
  /// Nil where nothing is known of the model but its load.
  public let geometry: ExpertGeometry?
  /// Tokens that pass a layer together.
  public let batchTokens: Int
  /// Experts for each token; from the trace, or nil where it is not known.
  public let topK: Int?
  /// The plan in use, which a strategy may keep.
  public let current: PlacementPlan?
  public let seed: UInt64

  /// - Throws: `badInput` when the cluster has no memory for one copy of each expert, saying how much is missing, when the
  ///   trace is of another model, or the plan in use of another model or cluster.
  public init(
    load: ExpertLoad, trace: RoutingTrace? = nil, cluster: PlacementCluster, geometry: ExpertGeometry? = nil,
    batchTokens: Int = 128, topK: Int? = nil, current: PlacementPlan? = nil, seed: UInt64 = 1
  ) throws(ApusError) {
    guard cluster.slotCount >= load.expertCount else {
      let missing = load.expertCount - cluster.slotCount
      let bytes = geometry.map {
        " (\(Int(Double(missing * load.layerCount) * $0.expertBytes / 1_048_576)) MiB over all layers)"
      }
      throw ApusError(
        .badInput,
        "the cluster has memory for \(cluster.slotCount) of \(load.expertCount) experts in each layer: \(missing) have no place"
          + (bytes ?? ""),
        advice: "add hosts or memory, or use a smaller quantization of the model")
    }
    if let trace, trace.layerCount != load.layerCount || trace.expertCount != load.expertCount {
      throw ApusError(
        .badInput,
        "the trace has \(trace.layerCount) layers x \(trace.expertCount) experts, the load \(load.layerCount) x \(load.expertCount)",
        advice: "take both from the same model")
    }
    if let current {
      guard current.layers.count == load.layerCount, current.expertCount == load.expertCount else {
        throw ApusError(
          .badInput,
          "the plan in use has \(current.layers.count) layers x \(current.expertCount) experts, the load \(load.layerCount) x \(load.expertCount)",
          advice: "give a plan for the same model, or plan without it")
      }
      try current.validate(for: cluster)
    }
    guard batchTokens > 0 else {
      throw ApusError(.badInput, "a batch of \(batchTokens) tokens", advice: "give 1 or more")
    }
    if let topK, topK < 1 || topK > load.expertCount {
      throw ApusError(.badInput, "top-\(topK) of \(load.expertCount) experts is not possible")
    }
    self.load = load
    self.trace = trace
    self.cluster = cluster
    self.geometry = geometry
    self.batchTokens = batchTokens
    self.topK = trace?.topK ?? topK
    self.current = current
    self.seed = seed
  }

  /// Planned from a trace.
  public init(
    trace: RoutingTrace, cluster: PlacementCluster, geometry: ExpertGeometry? = nil, batchTokens: Int = 128,
    current: PlacementPlan? = nil, seed: UInt64 = 1
  ) throws(ApusError) {
    try self.init(
      load: trace.load, trace: trace, cluster: cluster, geometry: geometry, batchTokens: batchTokens, current: current,
      seed: seed)
  }
}
