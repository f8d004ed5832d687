public import ExpertPlacement

/// What it costs to go from the plan in use to another: the weights that hosts do not have yet, sent by the hub.
public struct PlacementMove: Hashable, Sendable {
  /// Over all hosts and layers.
  public let bytes: Double
  /// Seconds until the last host has its weights, links in parallel and all of it through the hub.
  public let seconds: Double

  /// - Parameters:
  ///   - current: nil where nothing is placed yet: everything is sent.
  ///   - plan: for the same hosts and experts.
  public init(from current: PlacementPlan?, to plan: PlacementPlan, cluster: PlacementCluster, geometry: ExpertGeometry)
  {
    precondition(plan.hostCount == cluster.hostCount, "a plan for this cluster")
    var received = [Double](repeating: 0, count: plan.hostCount)
    for (number, layer) in plan.layers.enumerated() {
      let wanted = Self.parts(layer, plan)
      let held = current.map { Self.parts($0.layers[number], $0) }
      for place in wanted.indices {
        received[place / plan.expertCount] += max(0, wanted[place] - (held?[place] ?? 0)) * geometry.expertBytes
      }
    }
    bytes = received.reduce(0, +)
    let slowest = zip(received, cluster.hosts).map { bytes, host in
      bytes > 0 ? bytes / host.link.bytesPerSecond + host.link.latencySeconds : 0
    }
    seconds = max(slowest.max() ?? 0, bytes / cluster.hubBytesPerSecond)
  }

  /// Batches after which the move has paid for itself; nil when it never does.
  ///
  /// - Parameter saving: seconds saved for each batch over all layers.
  public func breakEvenBatches(saving: Double) -> Double? {
    if seconds <= 0 { return saving > 0 ? 0 : nil }
    return saving > 0 ? seconds / saving : nil
  }

  /// The part of each expert that each host has, `[host * expertCount + expert]`.
  private static func parts(_ layer: LayerPlacement, _ plan: PlacementPlan) -> [Double] {
    var parts = [Double](repeating: 0, count: plan.hostCount * plan.expertCount)
    switch layer {
    case .sharded(let fractions):
      for place in parts.indices { parts[place] = fractions[place / plan.expertCount] }
    case .hosted(let experts):
      for (expert, shares) in experts.enumerated() {
        for share in shares { parts[share.host * plan.expertCount + expert] = 1 }
      }
    }
    return parts
  }
}

/// Whether to move to a plan or keep the one in use.
public enum PlacementDecision: Hashable, Sendable {
  /// Nothing is in use that could be kept.
  case start
  case move(breakEvenBatches: Double)
  /// - Parameter breakEvenBatches: nil when the other plan saves nothing.
  case keep(breakEvenBatches: Double?)

  /// `keep` wins unless the batches that are left repay the move.
  ///
  /// - Parameters:
  ///   - saving: seconds saved for each batch over all layers; nil where nothing is in use.
  ///   - remaining: batches that are left to compute.
  public init(_ move: PlacementMove, saving: Double?, remaining: Double) {
    guard let saving else {
      self = .start
      return
    }
    guard let batches = move.breakEvenBatches(saving: saving), batches < remaining else {
      self = .keep(breakEvenBatches: move.breakEvenBatches(saving: saving))
      return
    }
    self = .move(breakEvenBatches: batches)
  }
}
