public import Serving

/// A node that can host experts.
public struct PlacementHost: Hashable, Sendable {
  public var name: String
  /// Expert copies of each layer that it has memory for.
  public var slotCount: Int
  /// What it computes and reads; nil when it was never measured: then all hosts count as equal.
  public var speed: Speed?
  /// How it is reached from the hub.
  public var link: Link

  public struct Speed: Hashable, Sendable {
    public var operationsPerSecond: Double
    public var memoryBytesPerSecond: Double

    public init(operationsPerSecond: Double, memoryBytesPerSecond: Double) {
      self.operationsPerSecond = operationsPerSecond
      self.memoryBytesPerSecond = memoryBytesPerSecond
    }

    /// A machine that is played where only its GEMM rate is said: five operations for each byte read, about what processors
    /// have.
    public static func played(gflopPerS: Double) -> Speed {
      Speed(operationsPerSecond: gflopPerS * 1e9, memoryBytesPerSecond: gflopPerS * 1e9 / 5)
    }
  }

  public struct Link: Hashable, Sendable {
    public var bytesPerSecond: Double
    /// One way.
    public var latencySeconds: Double

    public init(bytesPerSecond: Double = .infinity, latencySeconds: Double = 0) {
      self.bytesPerSecond = bytesPerSecond
      self.latencySeconds = latencySeconds
    }
  }

  public init(name: String, slotCount: Int, speed: Speed? = nil, link: Link = Link()) {
    self.name = name
    self.slotCount = slotCount
    self.speed = speed
    self.link = link
  }
}

/// What the hub itself does for a batch, one row after the other, whatever its connection could carry.
public struct HubWork: Hashable, Sendable {
  /// To split a batch, before any of its rows is on its way.
  public var batchSeconds: Double
  /// To copy a row for a host and hand it over, and to add a host's answer for a row up.
  public var dispatchSecondsPerRow: Double
  public var combineSecondsPerRow: Double

  public init(batchSeconds: Double = 0, dispatchSecondsPerRow: Double = 0, combineSecondsPerRow: Double = 0) {
    self.batchSeconds = batchSeconds
    self.dispatchSecondsPerRow = dispatchSecondsPerRow
    self.combineSecondsPerRow = combineSecondsPerRow
  }

  /// Seconds until the last of the rows is handed over.
  public func dispatchSeconds(rows: Double) -> Double { batchSeconds + rows * dispatchSecondsPerRow }
  /// Seconds of all its work for a batch.
  public func seconds(rows: Double) -> Double { dispatchSeconds(rows: rows) + rows * combineSecondsPerRow }

  var isPossible: Bool {
    [batchSeconds, dispatchSecondsPerRow, combineSecondsPerRow].allSatisfy { $0 >= 0 && $0.isFinite }
  }
}

/// The hosts a model's experts are placed on, and the hub that sends tokens to them.
public struct PlacementCluster: Hashable, Sendable {
  public static let hostLimit = 1024
  /// Of each layer on a host: more than there ever are experts.
  public static let slotLimit = 1 << 16

  public let hosts: [PlacementHost]
  /// Bytes a second through the hub's own connection, both ways together.
  public let hubBytesPerSecond: Double
  /// What the hub does besides; nothing where it was not measured.
  public let hubWork: HubWork

  /// - Throws: `badInput` for no host, a name used twice, and speeds, links, slots or a hub that cannot be.
  public init(
    hosts: [PlacementHost], hubBytesPerSecond: Double = .infinity, hubWork: HubWork = HubWork()
  ) throws(ApusError) {
    guard (1...Self.hostLimit).contains(hosts.count) else {
      throw ApusError(.badInput, "\(hosts.count) hosts are not possible", advice: "give 1 to \(Self.hostLimit) hosts")
    }
    guard Set(hosts.map(\.name)).count == hosts.count else {
      throw ApusError(.badInput, "two hosts have the same name", advice: "give each host a name of its own")
    }
    guard hubBytesPerSecond > 0 else { throw ApusError(.badInput, "the hub's connection must be faster than 0") }
    guard hubWork.isPossible else {
      throw ApusError(.badInput, "the hub's own work takes no time that can be", advice: "give times of 0 or more")
    }
    for host in hosts {
      let speedIsPossible =
        host.speed.map {
          $0.operationsPerSecond > 0 && $0.operationsPerSecond.isFinite && $0.memoryBytesPerSecond > 0
            && $0.memoryBytesPerSecond.isFinite
        } ?? true
      guard speedIsPossible, host.link.bytesPerSecond > 0, host.link.latencySeconds >= 0,
        (0...Self.slotLimit).contains(host.slotCount), host.link.latencySeconds.isFinite
      else {
        throw ApusError(
          .badInput, "host \(host.name) has a speed, a link or a number of slots that cannot be",
          advice: "speeds are above 0, latency is not below 0, slots are 0 to \(Self.slotLimit)")
      }
    }
    self.hosts = hosts
    self.hubBytesPerSecond = hubBytesPerSecond
    self.hubWork = hubWork
  }

  /// Hosts of which nothing but their number is known.
  ///
  /// - Parameter slotCount: expert copies of each layer over all hosts; the first hosts get what is left over.
  public static func equal(hostCount: Int, slotCount: Int) throws(ApusError) -> PlacementCluster {
    guard (1...hostLimit).contains(hostCount) else {
      throw ApusError(.badInput, "\(hostCount) hosts are not possible", advice: "give 1 to \(hostLimit) hosts")
    }
    let (share, rest) = slotCount.quotientAndRemainder(dividingBy: hostCount)
    return try PlacementCluster(
      hosts: (0..<hostCount).map { PlacementHost(name: "host-\($0)", slotCount: share + ($0 < rest ? 1 : 0)) })
  }

  public var hostCount: Int { hosts.count }
  public var slotCount: Int { hosts.reduce(0) { $0 + $1.slotCount } }
  /// Whether every host's speed is known.
  public var isMeasured: Bool { hosts.allSatisfy { $0.speed != nil } }

  /// Work for one token on each host relative to the others, mean 1: all 1 where speeds are not known.
  public var relativeSeconds: [Double] {
    guard isMeasured else { return [Double](repeating: 1, count: hostCount) }
    let seconds = hosts.map { 1 / $0.speed!.operationsPerSecond }
    let mean = seconds.reduce(0, +) / Double(hostCount)
    return seconds.map { $0 / mean }
  }
}
