public import Serving

/// DeepSeek's expert-parallelism load balancer: the hottest experts get further copies, then all copies are packed so that
/// hosts are equally busy and equally full.
///
/// Objective: the busiest host's tokens in each layer, hosts taken as equal. Inputs: load `[layer][expert]`, slots of each
/// host, and for the hierarchical form the expert groups and nodes. O(L (R E + P log P + P H)).
/// Source: deepseek-ai/EPLB, eplb.py (`rebalance_experts`). Its arithmetic is in single precision, and so is this, so that
/// ties fall as they do there. What it gives two copies of one expert on a host is repaired and counted.
public struct EPLB: PlacementStrategy {
  public let name = "eplb"
  public let summary = "copies of hot experts, packed evenly (DeepSeek EPLB); two copies on a host are repaired"

  /// Expert groups that stay together on a node, and nodes of as many hosts; nil plans over all hosts at once.
  public struct Hierarchy: Hashable, Sendable {
    public let groupCount: Int
    public let nodeCount: Int

    /// - Throws: `badInput` when the groups cannot be spread over the nodes evenly: then EPLB itself plans over all hosts.
    public init(groupCount: Int, nodeCount: Int) throws(ApusError) {
      guard groupCount > 0, nodeCount > 0, groupCount % nodeCount == 0 else {
        throw ApusError(
          .badInput, "\(groupCount) groups cannot be spread over \(nodeCount) nodes evenly",
          advice: "leave out --groups and --nodes to plan over all hosts at once")
      }
      self.groupCount = groupCount
      self.nodeCount = nodeCount
    }
  }

  public var hierarchy: Hierarchy?

  public init(hierarchy: Hierarchy? = nil) { self.hierarchy = hierarchy }

  public func plan(_ problem: PlacementProblem) throws(ApusError) -> PlacementPlan {
    let (cluster, load) = (problem.cluster, problem.load)
    let rooms = cluster.hosts.map(\.slotCount)
    var repairedCount = 0
    var layers: [[[Int]]] = []
    for layer in 0..<load.layerCount {
      let weights = load.layer(layer).map { Float($0) }
      let slots = try slots(weights, rooms: rooms)
      var copies = HostCopies(slots: slots, rooms: rooms, weights: weights)
      repairedCount += copies.repairDuplicates()
      layers.append(copies.hosts)
    }
    return PlacementPlan(hostCount: cluster.hostCount, hosts: layers, duplicatesRepaired: repairedCount)
  }

  /// The expert in each slot, host after host, as the reference gives it (`phy2log`).
  ///
  /// - Parameters:
  ///   - weights: `[expert]`.
  ///   - rooms: `[host]`: slots.
  public func slots(_ weights: [Float], rooms: [Int]) throws(ApusError) -> [Int] {
    guard let hierarchy else { return Self.pack(weights, rooms: rooms) }
    let (groupCount, nodeCount) = (hierarchy.groupCount, hierarchy.nodeCount)
    guard weights.count % groupCount == 0, rooms.count % nodeCount == 0, Set(rooms).count <= 1 else {
      throw ApusError(
        .badInput,
        "\(weights.count) experts in \(groupCount) groups, \(rooms.count) hosts in \(nodeCount) nodes: not all are equal",
        advice:
          "groups and nodes must divide evenly, and all hosts have as many slots; or leave out --groups and --nodes")
    }
    let groupSize = weights.count / groupCount
    let groupLoads = (0..<groupCount).map { group in
      weights[group * groupSize..<(group + 1) * groupSize].reduce(0, +)
    }
    let groups = BalancedPacking(groupLoads, rooms: [Int](repeating: groupCount / nodeCount, count: nodeCount)).members
    let hostsOfNode = rooms.count / nodeCount
    return (0..<nodeCount).flatMap { node in
      let experts = groups[node].flatMap { group in group * groupSize..<(group + 1) * groupSize }
      return Self.pack(
        experts.map { weights[$0] }, rooms: Array(rooms[node * hostsOfNode..<(node + 1) * hostsOfNode])
      ).map { experts[$0] }
    }
  }

  private static func pack(_ weights: [Float], rooms: [Int]) -> [Int] {
    let (copies, counts) = replicate(weights, slotCount: rooms.reduce(0, +))
    let packing = BalancedPacking(copies.map { weights[$0] / Float(counts[$0]) }, rooms: rooms)
    return packing.members.flatMap { $0.map { copies[$0] } }
  }

  /// Each expert once, then the one with the most tokens for each copy once more, until all slots are used.
  ///
  /// - Returns: the expert of each copy, and the copies of each expert.
  static func replicate(_ weights: [Float], slotCount: Int) -> (copies: [Int], counts: [Int]) {
    precondition(slotCount >= weights.count, "a slot for each expert")
    var copies = Array(weights.indices)
    var counts = [Int](repeating: 1, count: weights.count)
    var shares = weights
    while copies.count < slotCount {
      var hottest = 0
      for expert in shares.indices where shares[expert] > shares[hottest] { hottest = expert }
      copies.append(hottest)
      counts[hottest] += 1
      shares[hottest] = weights[hottest] / Float(counts[hottest])
    }
    return (copies, counts)
  }
}
