import ExpertPlacement
import Testing

@testable import ExpertExecution

/// What batches of a cluster took says what it is like; times are made up here by the cluster that is to be found.
@Suite("Cluster calibration") struct ClusterCalibrationTests {
  private static let geometry = ExpertGeometry(hiddenSize: 512, intermediateSize: 512, expertBytes: 1e6)

  private static func cluster(
    speeds: [Double], link: PlacementHost.Link = .init(), hubWork: HubWork = HubWork()
  ) throws -> PlacementCluster {
    try PlacementCluster(
      hosts: speeds.enumerated().map { index, speed in
        PlacementHost(
          name: "h\(index)", slotCount: 8,
          speed: .init(operationsPerSecond: speed * 1e9, memoryBytesPerSecond: speed * 1e12), link: link)
      }, hubWork: hubWork)
  }

  private static func trace(_ count: Int) throws -> RoutingTrace {
    var experts: [UInt16] = []
    for token in 0..<count {
      let first = token % 8
      let distance = 1 + token / 8 % 7
      experts += [UInt16(first), UInt16((first + distance) % 8)]
    }
    return try RoutingTrace(layerCount: 1, topK: 2, expertCount: 8, experts: experts)
  }

  private static func plan(_ hosts: [Int]) -> LayerPlacement {
    .hosted(hosts.map { [HostShare(host: $0, weight: 1)] })
  }

  private static func works(_ layer: LayerPlacement, _ count: Int, _ model: PlacementCostModel) throws
    -> [PlacementCostModel.HostWork]
  {
    model.works(layer, number: 0, dispatch: .split, trace: try trace(count), tokens: 0..<count)
  }

  /// A batch as the cluster would take it.
  private static func observation(
    _ layer: LayerPlacement, _ count: Int, in truth: PlacementCostModel, described: PlacementCostModel
  ) throws -> ClusterCalibration.Observation {
    let works = try works(layer, count, truth)
    let rows = works.reduce(0) { $0 + $1.rows }
    var timing = LayerTiming()
    timing.dispatchSeconds = truth.cluster.hubWork.dispatchSeconds(rows: rows)
    timing.combineSeconds = truth.cluster.hubWork.combineSecondsPerRow * rows
    timing.totalSeconds = truth.seconds(of: works)
    timing.hosts = works.indices.filter { works[$0].rows > 0 }.map { host in
      LayerTiming.Host(
        host: host, rows: Int(works[host].rows), pairs: 0, queuedSeconds: 0,
        computedSeconds: truth.computeSeconds(of: works[host], on: host), processorSeconds: 0,
        answeredSeconds: timing.dispatchSeconds + truth.seconds(of: works[host], on: host), sentBytes: 0,
        receivedBytes: 0)
    }
    return ClusterCalibration.Observation(works: try Self.works(layer, count, described), timing: timing)
  }

  /// Hosts slower than described, links and a hub that were not described at all: afterwards other plans are foreseen.
  @Test func findsHostsLinksAndHub() throws {
    let described = try #require(
      PlacementCostModel(cluster: try Self.cluster(speeds: [10, 10, 10]), geometry: Self.geometry))
    let truth = try #require(
      PlacementCostModel(
        cluster: try Self.cluster(
          speeds: [8, 4, 1], link: .init(bytesPerSecond: 5e7, latencySeconds: 3e-4),
          hubWork: HubWork(batchSeconds: 1e-4, dispatchSecondsPerRow: 2e-6, combineSecondsPerRow: 3e-6)),
        geometry: Self.geometry))
    let used = Self.plan([0, 0, 0, 0, 1, 1, 1, 2])
    let observations = try [64, 64, 256, 256].map {
      try Self.observation(used, $0, in: truth, described: described)
    }
    let found = try ClusterCalibration(described: described.cluster, geometry: Self.geometry).cluster(observations)
    let model = try #require(PlacementCostModel(cluster: found, geometry: Self.geometry))
    for other in [used, Self.plan([0, 1, 2, 0, 1, 2, 0, 1]), .sharded([0.5, 0.25, 0.25])] {
      let works = try Self.works(other, 256, truth)
      let (foreseen, real) = (model.seconds(of: works), truth.seconds(of: works))
      #expect(abs(foreseen / real - 1) < 0.02, "\(foreseen) for \(real)")
      #expect(described.seconds(of: works) < 0.6 * real, "the description was far off")
    }
  }

  /// Nothing is known of a host that had nothing to do: it stays as described.
  @Test func leavesIdleHostsAlone() throws {
    let described = try #require(
      PlacementCostModel(cluster: try Self.cluster(speeds: [10, 10]), geometry: Self.geometry))
    let observation = try Self.observation(
      Self.plan([Int](repeating: 0, count: 8)), 64, in: described, described: described)
    let found = try ClusterCalibration(described: described.cluster, geometry: Self.geometry).cluster([observation])
    #expect(found.hosts[1] == described.cluster.hosts[1])
    #expect(
      try ClusterCalibration(described: described.cluster, geometry: Self.geometry).cluster([]) == described.cluster)
  }

  /// One batch that a busy machine held up does not turn the line; it never falls, nor starts below nothing.
  @Test func linesAreRobust() {
    let line = Line([(1, 11), (1, 11), (2, 12), (2, 90), (3, 13), (3, 13)])
    #expect(line.slope == 1 && line.start == 10)
    #expect(Line([(1, 5), (2, 3)]).slope == 0)
    let steep = Line([(10, 1), (20, 4)])
    #expect(steep.start == 0 && steep.slope > 0)
    #expect(Line([(4, 8)]).slope == 2)
    #expect(Line([]).slope == 0)
  }
}
