import Serving

/// Predicts latencies from the load with one model for all nodes, as routers do that were made for a pool of equal ones:
/// it sees what runs and waits there and what is cached, and nothing of the node itself.
///
/// The model is linear and learns online by normalized least mean squares (Widrow, Hoff 1960), each feature scaled to
/// be about 1.
struct OneShape: RoutingPolicy {
  private static let rate = 0.05
  private var weights: [Double] = [1, 1, 1, 1, 1]

  private static func features(_ option: RouteOption) -> [Double] {
    [
      1, option.outputTokens / 100, 1 - option.cachedShare,
      Double(option.runningCount) / Double(option.slotCount), Double(option.waitingCount) / Double(option.slotCount),
    ]
  }

  private func foreseen(_ features: [Double]) -> Double { zip(weights, features).reduce(0) { $0 + $1.0 * $1.1 } }

  mutating func pick(_ options: [RouteOption], using generator: inout SeededGenerator) -> Int {
    options.least(using: &generator) { foreseen(Self.features($0)) }
  }

  mutating func learn(_ option: RouteOption, ttft: Double, e2e: Double) {
    let features = Self.features(option)
    let error = e2e - foreseen(features)
    let norm = features.reduce(0.1) { $0 + $1 * $1 }
    for place in weights.indices { weights[place] += Self.rate * error * features[place] / norm }
    // More work and less in the cache never make it faster.
    for place in weights.indices.dropFirst() { weights[place] = max(0, weights[place]) }
  }
}
