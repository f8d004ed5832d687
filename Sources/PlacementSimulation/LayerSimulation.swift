import ExpertPlacement
import Serving

/// One layer for one batch, event by event: the hub gathers and sends messages one after the other, its connection and each
/// link carry them in pieces, a host computes its experts in turn once it has all its rows, and everything comes back the same
/// way. Hub, its connection and hosts also work for others.
///
/// Not the cost model with noise: transfers overlap and queue, messages wait for the hub's one thread, and computing and
/// reading weights overlap only in part.
struct LayerSimulation {
  let hidden: HiddenCluster
  let geometry: ExpertGeometry

  /// Messages are sent in pieces of this size, at most `pieceLimit` each.
  private static let pieceBytes = 1_048_576.0
  private static let pieceLimit = 8

  /// Seconds until the hub has the last row back.
  ///
  /// - Parameter works: of each host.
  func seconds(of works: [PlacementCostModel.HostWork], seed: UInt64) -> Double {
    let hostCount = hidden.hosts.count
    // Servers: each host's processor, its link there, its link back; the hub's thread, its connection out and in.
    let (thread, out, back) = (3 * hostCount, 3 * hostCount + 1, 3 * hostCount + 2)
    var network = FIFONetwork(serverCount: 3 * hostCount + 3, seed: seed)
    var generator = SeededGenerator(seed: seed &+ 0x5EED)
    let end = network.addGate()
    network.add([], leadingTo: end)
    let busyHosts = works.indices.filter { works[$0].rows > 0 }
    guard !busyHosts.isEmpty else { return 0 }

    let rowBytes = geometry.rowBytes / 2
    let piece = Self.pieceBytes / hidden.hubBytesPerSecond
    network.add(FIFONetwork.Background(utilization: hidden.hubUtilization, jobSeconds: piece), to: out)
    network.add(FIFONetwork.Background(utilization: hidden.hubUtilization, jobSeconds: piece), to: back)

    for index in busyHosts {
      let (work, host) = (works[index], hidden.hosts[index])
      let bytes = work.rows * rowBytes
      let count = min(Self.pieceLimit, max(1, Int((bytes / Self.pieceBytes).rounded(.up))))
      let part = bytes / Double(count)
      let handling = hidden.hubMessageSeconds + bytes / hidden.hubCopyBytesPerSecond
      let (gathered, arrived, computed, returned) =
        (network.addGate(), network.addGate(), network.addGate(), network.addGate())

      network.add([FIFONetwork.Stage(server: thread, seconds: handling)], leadingTo: gathered)
      for _ in 0..<count {
        network.add(
          [
            FIFONetwork.Stage(server: out, seconds: part / hidden.hubBytesPerSecond),
            FIFONetwork.Stage(
              server: hostCount + index, seconds: part / host.linkBytesPerSecond, delaySeconds: host.latencySeconds),
          ], after: gathered, leadingTo: arrived)
      }
      let times = expertSeconds(work, host, pace: generator.logNormal(sigma: 0.05))
      let mean = times.reduce(0, +) / Double(max(1, times.count))
      network.add(FIFONetwork.Background(utilization: host.utilization, jobSeconds: 2 * mean), to: index)
      let message = FIFONetwork.Stage(server: index, seconds: host.messageSeconds)
      let experts = times.map { FIFONetwork.Stage(server: index, seconds: $0) }
      network.add([message] + experts + [message], after: arrived, leadingTo: computed)
      for _ in 0..<count {
        network.add(
          [
            FIFONetwork.Stage(
              server: 2 * hostCount + index, seconds: part / host.linkBytesPerSecond,
              delaySeconds: host.latencySeconds),
            FIFONetwork.Stage(server: back, seconds: part / hidden.hubBytesPerSecond),
          ], after: computed, leadingTo: returned)
      }
      network.add([FIFONetwork.Stage(server: thread, seconds: handling)], after: returned, leadingTo: end)
    }
    return network.run(until: end)
  }

  private func expertSeconds(
    _ work: PlacementCostModel.HostWork, _ host: HiddenCluster.Host, pace: Double
  ) -> [Double] {
    work.expertTokens.map { tokens in
      let computing =
        (tokens + host.rampTokens) * geometry.operationsPerToken * work.fraction / host.operationsPerSecond
      let reading = geometry.expertBytes * work.fraction / host.memoryBytesPerSecond
      // Between the longer of both and their sum.
      let both = (computing * computing + reading * reading).squareRoot()
      return pace * both + host.expertSeconds
    }
  }
}
