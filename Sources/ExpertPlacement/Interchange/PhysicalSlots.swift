import Serving

/// A plan as engines for equal devices have it: as many slots on each, numbered device by device, one expert in each.
struct PhysicalSlots {
  let slotsPerHost: Int
  /// `[layer][slot]`: the expert in it. On each device in rising order.
  let experts: [[Int]]

  /// - Throws: `badInput` for layers whose experts are cut, and for hosts with different numbers of copies.
  init(_ plan: PlacementPlan, cluster: PlacementCluster, engine: String) throws(ApusError) {
    var layers: [[Int]] = []
    var count: Int?
    for (number, layer) in plan.layers.enumerated() {
      guard case .hosted(let shares) = layer else {
        throw ApusError(
          .badInput, "\(engine) keeps experts whole, and the plan cuts those of layer \(number)",
          advice: "plan with another strategy than shard")
      }
      var hosts = [[Int]](repeating: [], count: plan.hostCount)
      for (expert, shares) in shares.enumerated() {
        for share in shares { hosts[share.host].append(expert) }
      }
      for (host, experts) in hosts.enumerated() {
        let expected = count ?? experts.count
        guard experts.count == expected else {
          throw ApusError(
            .badInput,
            "\(engine) has as many slots on each device, and in layer \(number) \(cluster.hosts[host].name) has "
              + "\(experts.count) experts where others have \(expected)",
            advice: "plan with eplb and --hosts N --slots M, M a multiple of N")
        }
        count = expected
      }
      layers.append(hosts.flatMap(\.self))
    }
    slotsPerHost = count ?? 0
    experts = layers
  }

  var slotCount: Int { experts.first?.count ?? 0 }
}
