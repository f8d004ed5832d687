import Glibc

/// How long a layer takes under a plan, foreseen from what is known of hosts, links and experts.
///
/// A star: the hub sends each host the rows of the tokens that need it once, the hosts compute one after the other what each
/// of their experts has to do, and send one row per token back. A host takes the longer of computing and of reading the
/// weights for each expert in use, twice its latency, and its link's time. The hub hands all rows over first, and adds answers
/// up in the order they come, one after the other; the layer ends with the last, or with the hub's own connection where that
/// is slower. What the hub's work, links and hosts really take can be measured (`ClusterCalibration`).
public struct PlacementCostModel: Sendable {
  /// Software on either side of a message, and for each expert of a host that is used, in seconds.
  public static let messageSeconds = 60e-6
  public static let expertSeconds = 15e-6

  public let cluster: PlacementCluster
  public let geometry: ExpertGeometry

  /// Nil where a host's speed is not known.
  public init?(cluster: PlacementCluster, geometry: ExpertGeometry?) {
    guard let geometry, cluster.isMeasured else { return nil }
    self.cluster = cluster
    self.geometry = geometry
  }

  /// What one host has to do in one layer for one batch.
  public struct HostWork: Hashable, Sendable {
    /// Tokens for each of its experts that is used, or their expected number.
    public var expertTokens: [Double] = []
    /// Of each expert that is used, the part that the host has of it.
    public var fraction = 1.0
    /// Chance that an expert is used at all, in the order of `expertTokens`; 1 for those that are.
    public var usedShare: [Double] = []
    /// Token rows sent to it; as many come back.
    public var rows = 0.0

    mutating func add(tokens: Double, used: Double = 1) {
      expertTokens.append(tokens)
      usedShare.append(used)
    }
  }

  /// Seconds of a host between the first byte sent to it and the last one back.
  public func seconds(of work: HostWork, on host: Int) -> Double {
    guard work.rows > 0 else { return 0 }
    let link = cluster.hosts[host].link
    return computeSeconds(of: work, on: host) + 2 * link.latencySeconds + 2 * Self.messageSeconds
      + work.rows * geometry.rowBytes / link.bytesPerSecond
  }

  /// Seconds of a host's computing alone.
  public func computeSeconds(of work: HostWork, on host: Int) -> Double {
    guard let speed = cluster.hosts[host].speed else { return 0 }
    return zip(work.expertTokens, work.usedShare).reduce(0.0) { sum, expert in
      let (tokens, used) = expert
      guard used > 0 else { return sum }
      // Given that it is used, all its tokens come together.
      let operations = tokens / used * geometry.operationsPerToken * work.fraction / speed.operationsPerSecond
      let reading = geometry.expertBytes * work.fraction / speed.memoryBytesPerSecond + Self.expertSeconds
      return sum + used * max(operations, reading)
    }
  }

  /// Seconds of the hub for a batch's rows: its connection's, or its own work's where that is more.
  public func hubSeconds(rows: Double) -> Double {
    max(rows * geometry.rowBytes / cluster.hubBytesPerSecond, cluster.hubWork.seconds(rows: rows))
  }

  /// Seconds of a layer.
  ///
  /// - Parameter works: of each host.
  public func seconds(of works: [HostWork]) -> Double {
    let rows = works.reduce(0) { $0 + $1.rows }
    let hub = cluster.hubWork
    let sent = hub.dispatchSeconds(rows: rows)
    let answers = works.indices.filter { works[$0].rows > 0 }
      .map { (at: sent + seconds(of: works[$0], on: $0), rows: works[$0].rows) }.sorted { $0.at < $1.at }
    let done = answers.reduce(sent) { max($0, $1.at) + $1.rows * hub.combineSecondsPerRow }
    return max(done, rows * geometry.rowBytes / cluster.hubBytesPerSecond)
  }

  // MARK: Work of a batch

  /// What the tokens of a trace give each host to do.
  public func works(
    _ layer: LayerPlacement, number: Int, dispatch: ReplicaDispatch, trace: RoutingTrace, tokens: Range<Int>
  ) -> [HostWork] {
    let hostCount = cluster.hostCount
    var works = [HostWork](repeating: HostWork(), count: hostCount)
    switch layer {
    case .sharded(let fractions):
      var counts = [Double](repeating: 0, count: trace.expertCount)
      for token in tokens { for expert in trace.experts(layer: number, token: token) { counts[Int(expert)] += 1 } }
      for host in 0..<hostCount where fractions[host] > 0 {
        works[host].fraction = fractions[host]
        works[host].rows = Double(tokens.count)
        for count in counts where count > 0 { works[host].add(tokens: count) }
      }
    case .hosted(let experts):
      let route = TokenDispatch(experts, dispatch: dispatch)
      var counts = [Double](repeating: 0, count: hostCount * trace.expertCount)
      var lastToken = [Int](repeating: -1, count: hostCount)
      var hosts: [Int] = []
      for token in tokens {
        hosts.removeAll(keepingCapacity: true)
        let chosen = trace.experts(layer: number, token: token)
        route.route(chosen, token: token, into: &hosts)
        for (expert, host) in zip(chosen, hosts) {
          counts[host * trace.expertCount + Int(expert)] += 1
          if lastToken[host] != token {
            lastToken[host] = token
            works[host].rows += 1
          }
        }
      }
      for host in 0..<hostCount {
        for count in counts[host * trace.expertCount..<(host + 1) * trace.expertCount] where count > 0 {
          works[host].add(tokens: count)
        }
      }
    }
    return works
  }

  /// What a batch is expected to give each host to do where only the load is known: tokens choose their experts
  /// independently, in proportion to it.
  public func expectedWorks(
    _ layer: LayerPlacement, load: ArraySlice<Double>, batchTokens: Int, topK: Int
  ) -> [HostWork] {
    let total = load.reduce(0, +)
    var works = [HostWork](repeating: HostWork(), count: cluster.hostCount)
    guard total > 0 else { return works }
    let batch = Double(batchTokens)
    let shares = load.map { min(1, Double(topK) * $0 / total) }
    func used(_ share: Double) -> Double { share >= 1 ? 1 : 1 - pow(1 - share, batch) }
    switch layer {
    case .sharded(let fractions):
      for host in works.indices where fractions[host] > 0 {
        works[host].fraction = fractions[host]
        works[host].rows = batch
        for share in shares where share > 0 { works[host].add(tokens: batch * share, used: used(share)) }
      }
    case .hosted(let experts):
      var missed = [Double](repeating: 1, count: works.count)
      for (expert, hosts) in experts.enumerated() {
        for part in hosts {
          let share = shares[expert] * part.weight
          guard share > 0 else { continue }
          works[part.host].add(tokens: batch * share, used: used(share))
          missed[part.host] *= 1 - share
        }
      }
      for host in works.indices { works[host].rows = batch * (1 - missed[host]) }
    }
    return works
  }
}
