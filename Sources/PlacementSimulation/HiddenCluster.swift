public import ExpertPlacement
import Serving

/// What a cluster really is, of which the planner knows only a description: every speed, link and latency is off by a
/// log-normal factor, and software costs more than the cost model allows.
public struct HiddenCluster: Hashable, Sendable {
  struct Host: Hashable, Sendable {
    var operationsPerSecond: Double
    var memoryBytesPerSecond: Double
    var linkBytesPerSecond: Double
    var latencySeconds: Double
    /// To receive or to send a message, and for each expert that is used.
    var messageSeconds: Double
    var expertSeconds: Double
    /// An expert with n tokens takes the time of n + this many: small matrices do not use a processor fully.
    var rampTokens: Double
    /// Share of its time that it works for others.
    var utilization: Double
  }

  let hosts: [Host]
  let hubBytesPerSecond: Double
  /// The hub handles one message after the other.
  let hubMessageSeconds: Double
  /// To gather the rows of a message, or to add them up.
  let hubCopyBytesPerSecond: Double
  let hubUtilization: Double

  /// - Parameter sigma: standard deviation of the logarithm of every factor.
  public init(_ described: PlacementCluster, sigma: Double, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    hosts = described.hosts.map { host in
      guard let speed = host.speed else { preconditionFailure("a host that is simulated has a speed") }
      return Host(
        operationsPerSecond: speed.operationsPerSecond * generator.logNormal(sigma: sigma),
        memoryBytesPerSecond: speed.memoryBytesPerSecond * generator.logNormal(sigma: sigma),
        linkBytesPerSecond: host.link.bytesPerSecond * generator.logNormal(sigma: sigma),
        latencySeconds: host.link.latencySeconds * generator.logNormal(sigma: sigma),
        messageSeconds: 1.5 * PlacementCostModel.messageSeconds * generator.logNormal(sigma: sigma),
        expertSeconds: 2 * PlacementCostModel.expertSeconds * generator.logNormal(sigma: sigma),
        rampTokens: 4 * generator.logNormal(sigma: sigma), utilization: generator.number(0...0.2))
    }
    hubBytesPerSecond = described.hubBytesPerSecond * generator.logNormal(sigma: sigma)
    hubMessageSeconds = 0.5 * PlacementCostModel.messageSeconds * generator.logNormal(sigma: sigma)
    hubCopyBytesPerSecond = 8e9 * generator.logNormal(sigma: sigma)
    hubUtilization = generator.number(0...0.2)
  }
}
