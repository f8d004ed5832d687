public import Serving

/// A host of an expert, and its share of the expert's tokens.
public struct HostShare: Hashable, Sendable {
  public var host: Int
  /// From 0 to 1; the shares of one expert add up to 1.
  public var weight: Double

  public init(host: Int, weight: Double) {
    self.host = host
    self.weight = weight
  }
}

/// Where the experts of one layer are.
public enum LayerPlacement: Hashable, Sendable {
  /// `[expert]`: the hosts that have a copy, each once.
  case hosted([[HostShare]])
  /// Every expert is cut across its inner dimension; `[host]`: the fraction each has of all of them.
  case sharded([Double])
}

/// Which copy a token takes where an expert has several.
public enum ReplicaDispatch: String, Hashable, Sendable, CaseIterable {
  /// By the planned shares alone.
  case split
  /// One on a host that the token goes to anyway, before the planned shares.
  case locality
}

/// Which host has which experts in which layer. A value: nothing moves by making one.
public struct PlacementPlan: Hashable, Sendable {
  public let hostCount: Int
  public let expertCount: Int
  public internal(set) var layers: [LayerPlacement]
  public var dispatch: ReplicaDispatch
  /// Copies that had to be moved because a host had two of the same expert.
  public internal(set) var duplicatesRepaired: Int

  public init(
    hostCount: Int, expertCount: Int, layers: [LayerPlacement], dispatch: ReplicaDispatch = .split,
    duplicatesRepaired: Int = 0
  ) {
    self.hostCount = hostCount
    self.expertCount = expertCount
    self.layers = layers
    self.dispatch = dispatch
    self.duplicatesRepaired = duplicatesRepaired
  }

  /// Equal shares for the copies of each expert.
  ///
  /// - Parameter hosts: `[layer][expert]`, each a list of different hosts.
  init(hostCount: Int, hosts: [[[Int]]], dispatch: ReplicaDispatch = .split, duplicatesRepaired: Int = 0) {
    self.init(
      hostCount: hostCount, expertCount: hosts[0].count,
      layers: hosts.map { layer in
        .hosted(layer.map { hosts in hosts.map { HostShare(host: $0, weight: 1 / Double(hosts.count)) } })
      }, dispatch: dispatch, duplicatesRepaired: duplicatesRepaired)
  }

  /// Copies of each expert, `[layer][expert]`; nil in place of a layer whose experts are cut.
  public var replicas: [[Int]?] {
    layers.map { layer in
      if case .hosted(let experts) = layer { experts.map(\.count) } else { nil }
    }
  }

  /// - Throws: `badInput` naming the layer and expert: one without a host, twice on a host, shares that do not add up to 1, a
  ///   host that is not there, or a host with more copies than it has slots.
  public func validate(for cluster: PlacementCluster) throws(ApusError) {
    guard cluster.hostCount == hostCount else {
      throw ApusError(
        .badInput, "the plan is for \(hostCount) hosts, the cluster has \(cluster.hostCount)",
        advice: "plan again for these hosts")
    }
    func refuse(_ layer: Int, _ reason: String) -> ApusError {
      ApusError(.badInput, "the plan cannot be used: in layer \(layer) \(reason)", advice: "plan again")
    }
    for (number, layer) in layers.enumerated() {
      switch layer {
      case .hosted(let experts):
        guard experts.count == expertCount else {
          throw refuse(number, "are \(experts.count) experts, not \(expertCount)")
        }
        var copies = [Int](repeating: 0, count: hostCount)
        for (expert, shares) in experts.enumerated() {
          guard !shares.isEmpty else { throw refuse(number, "expert \(expert) has no host") }
          guard shares.allSatisfy({ (0..<hostCount).contains($0.host) }) else {
            throw refuse(number, "expert \(expert) has a host that is not there")
          }
          guard Set(shares.map(\.host)).count == shares.count else {
            throw refuse(number, "expert \(expert) is twice on one host")
          }
          let sum = shares.reduce(0) { $0 + $1.weight }
          guard shares.allSatisfy({ $0.weight >= 0 }), abs(sum - 1) < 1e-9 else {
            throw refuse(number, "the shares of expert \(expert) add up to \(sum)")
          }
          for share in shares { copies[share.host] += 1 }
        }
        for (host, count) in copies.enumerated() where count > cluster.hosts[host].slotCount {
          throw refuse(
            number, "\(cluster.hosts[host].name) has \(count) experts, and memory for \(cluster.hosts[host].slotCount)")
        }
      case .sharded(let fractions):
        guard fractions.count == hostCount, fractions.allSatisfy({ $0 >= 0 }), abs(fractions.reduce(0, +) - 1) < 1e-9
        else { throw refuse(number, "the fractions do not add up to 1 over all hosts") }
        for (host, fraction) in fractions.enumerated()
        where fraction * Double(expertCount) > Double(cluster.hosts[host].slotCount) + 1e-9 {
          throw refuse(number, "\(cluster.hosts[host].name) has a larger part than it has memory for")
        }
      }
    }
  }
}
