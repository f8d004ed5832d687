/// What the tokens of one batch ask of one layer, wherever its experts are.
struct LayerDemand: Hashable {
  /// Tokens of each expert, or their expected number, and the chance that it is used at all.
  var tokens: [Double]
  var used: [Double]
  var topK: Int
  /// Rows that reach at least one host: every token's, or the expected number.
  var rows: Double
  /// Whether the tokens are those of a trace: then each needs as many hosts as its experts fill.
  var isExact: Bool

  var total: Double { tokens.reduce(0, +) }
}

/// What no placement of a layer, and no routing either, can beat under the cost model.
struct LayerBound {
  /// Of the tokens as they were routed.
  let seconds: Double
  /// Of any routing of as many tokens to as many experts each.
  let ceilingSeconds: Double

  init(_ demand: LayerDemand, _ model: PlacementCostModel) {
    let (cluster, geometry) = (model.cluster, model.geometry)
    let speeds = cluster.hosts.map { $0.speed!.operationsPerSecond / geometry.operationsPerToken }
    let slots = cluster.hosts.map(\.slotCount)
    // Every expert in use is read by one host at least, or in parts by several.
    let reading = cluster.hosts.reduce(0) { sum, host in
      sum + 1 / (geometry.expertBytes / host.speed!.memoryBytesPerSecond + PlacementCostModel.expertSeconds)
    }
    // Each of a token's experts is on some host, which has it once.
    let most = slots.max() ?? 1
    let copies = demand.isExact ? (Double(demand.topK) / Double(max(1, most))).rounded(.up) : 1
    let rows = demand.rows * copies
    let links = rows * geometry.rowBytes / cluster.hosts.reduce(0) { $0 + $1.link.bytesPerSecond }
    let away = 2 * (cluster.hosts.map(\.link.latencySeconds).min() ?? 0) + 2 * PlacementCostModel.messageSeconds
    func layer(_ hosts: Double) -> Double {
      max(cluster.hubWork.dispatchSeconds(rows: rows) + hosts + away, model.hubSeconds(rows: rows))
    }
    let packing = FractionalPacking(works: demand.tokens, speeds: speeds, slots: slots)
    seconds = layer(max(packing.leastSeconds, demand.used.reduce(0, +) / reading, links))
    // No host has more of a token than its experts and its own memory allow.
    let perToken = slots.map { Double(min(demand.topK, $0)) * demand.total / Double(demand.topK) }
    let spread = FractionalPacking.fill(caps: perToken, weights: speeds, total: demand.total)
    ceilingSeconds = min(
      seconds, layer(max(spread?.level ?? 0, min(Double(demand.topK), demand.used.reduce(0, +)) / reading, links)))
  }
}
