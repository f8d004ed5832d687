/// A time no placement of a layer can beat: all work spread without rest over all hosts, and the fewest copies of each row.
struct LayerBound {
  let seconds: Double

  /// Of the mean layer; nil for a load of nothing.
  init?(_ problem: PlacementProblem, _ model: PlacementCostModel, topK: Int) {
    let (cluster, geometry) = (model.cluster, model.geometry)
    let batch = Double(problem.batchTokens)
    guard problem.load.tokens.contains(where: { $0 > 0 }) else { return nil }
    let operations = cluster.hosts.reduce(0) { $0 + $1.speed!.operationsPerSecond }
    let computing = batch * Double(topK) * geometry.operationsPerToken / operations
    // At least the experts of one token are read, by all memories together.
    let reading =
      Double(topK) * geometry.expertBytes / cluster.hosts.reduce(0) { $0 + $1.speed!.memoryBytesPerSecond }
    // A token's experts fill at least so many hosts.
    let most = cluster.hosts.map(\.slotCount).max() ?? 1
    let copies = (Double(topK) / Double(max(1, most))).rounded(.up)
    let bytes = batch * copies * geometry.rowBytes
    let links = cluster.hosts.reduce(0) { $0 + $1.link.bytesPerSecond }
    let sending = max(bytes / cluster.hubBytesPerSecond, bytes / links)
    let latency = cluster.hosts.map(\.link.latencySeconds).min() ?? 0
    seconds = max(computing, reading, sending) + 2 * latency + 2 * PlacementCostModel.messageSeconds
  }
}
