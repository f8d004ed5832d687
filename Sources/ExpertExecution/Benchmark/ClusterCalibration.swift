import ExpertPlacement
import Serving

/// A cluster as a few batches found it, in place of what was described: the hosts' speeds, the links, the hub's own work.
///
/// Between the hub's handing over of the rows and a host's last answer lie the host's computing, which it says, and the link
/// with all its software: encryption, copies, threads that wait for a core. What the hub itself does is known by its own
/// clock. Nothing here is of one machine; only the form is given: a time for each row, and one for each batch.
struct ClusterCalibration {
  /// One batch of a layer.
  struct Observation {
    /// What the plan gave each host to do, `[host]`.
    var works: [PlacementCostModel.HostWork]
    var timing: LayerTiming
  }

  let described: PlacementCluster
  let geometry: ExpertGeometry

  /// - Parameter observations: batches of at least two sizes, so that what each row takes can be told from what each batch does.
  /// - Returns: the described cluster for hosts that had nothing to do, and of hosts whose speed is not known.
  func cluster(_ observations: [Observation]) throws(ApusError) -> PlacementCluster {
    guard let model = PlacementCostModel(cluster: described, geometry: geometry), !observations.isEmpty else {
      return described
    }
    let hosts = described.hosts.indices.map { host($0, observations, model) }
    let dispatch = Line(observations.map { (Self.rows($0), $0.timing.dispatchSeconds) })
    let combine = observations.map { $0.timing.combineSeconds / max(1, Self.rows($0)) }
    return try PlacementCluster(
      hosts: hosts, hubBytesPerSecond: described.hubBytesPerSecond,
      hubWork: HubWork(
        batchSeconds: dispatch.start, dispatchSecondsPerRow: dispatch.slope, combineSecondsPerRow: combine.median))
  }

  private static func rows(_ observation: Observation) -> Double {
    Double(observation.timing.hosts.reduce(0) { $0 + $1.rows })
  }

  private func host(
    _ number: Int, _ observations: [Observation], _ model: PlacementCostModel
  ) -> PlacementHost {
    var host = described.hosts[number]
    var slowdowns: [Double] = []
    var link: [(x: Double, y: Double)] = []
    for observation in observations {
      let timing = observation.timing
      guard let part = timing.hosts.first(where: { $0.host == number }), part.rows > 0 else { continue }
      let foreseen = model.computeSeconds(of: observation.works[number], on: number)
      if foreseen > 0, part.computedSeconds > 0 { slowdowns.append(part.computedSeconds / foreseen) }
      let away = part.answeredSeconds - timing.dispatchSeconds - part.queuedSeconds - part.computedSeconds
      link.append((Double(part.rows), max(0, away)))
    }
    guard let speed = host.speed, !slowdowns.isEmpty else { return host }
    let slowdown = slowdowns.median
    host.speed = PlacementHost.Speed(
      operationsPerSecond: speed.operationsPerSecond / slowdown,
      memoryBytesPerSecond: speed.memoryBytesPerSecond / slowdown)
    let line = Line(link)
    host.link = PlacementHost.Link(
      bytesPerSecond: line.slope > 0 ? geometry.rowBytes / line.slope : .infinity,
      // Twice, there and back, and beside what every message takes.
      latencySeconds: max(0, line.start / 2 - PlacementCostModel.messageSeconds))
    return host
  }
}

/// A line that neither falls nor starts below 0, and that a few wild points do not turn (Theil and Sen's: the median slope of
/// all pairs).
struct Line: Hashable {
  private(set) var start = 0.0
  private(set) var slope = 0.0

  init(_ points: [(x: Double, y: Double)]) {
    guard !points.isEmpty else { return }
    var slopes: [Double] = []
    for (place, a) in points.enumerated() {
      for b in points[(place + 1)...] where a.x != b.x { slopes.append((b.y - a.y) / (b.x - a.x)) }
    }
    if !slopes.isEmpty {
      slope = max(0, slopes.median)
      start = points.map { $0.y - slope * $0.x }.median
    }
    if slopes.isEmpty || start < 0 {
      start = 0
      slope = max(0, points.filter { $0.x > 0 }.map { $0.y / $0.x }.median)
    }
  }
}

extension [Double] {
  /// The upper one of two in the middle; 0 of none.
  fileprivate var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}
