public import ExpertPlacement
import Glibc

/// A plan for a problem as a row of numbers: what the cost model foresees, where it says the time goes, and what kind of
/// cluster and batch it is about. The one encoder of training and of choosing.
public struct PlanFeatures: Hashable, Sendable {
  /// Rows of another version are not learned from. Raise it when a column changes its meaning.
  public static let version = 2
  public static let names = [
    "log_batch", "log_hosts", "log_experts", "top_k", "memory_slack", "speed_spread", "bandwidth_spread",
    "log_least_link", "log_most_latency", "log_hub", "log_expert_seconds_compute", "log_expert_seconds_read",
    "log_row_bytes", "log_seconds", "compute_share", "read_share", "expert_share", "fixed_share", "link_share",
    "hub_ratio", "second_ratio", "mean_ratio", "busy_hosts", "used_experts", "log_tokens_per_expert", "rows_per_token",
    "cut", "copies", "locality", "latency_ratio",
  ]
  /// Batches of a trace that are looked at.
  private static let batchLimit = 6

  /// As many as `names`.
  public let values: [Float]
  /// Seconds of a layer by the cost model, mean over the batches and layers that were looked at.
  public let analyticSeconds: Double

  /// Nil where hosts, model or top-k are not known: then nothing is foreseen in seconds.
  public init?(_ plan: PlacementPlan, for problem: PlacementProblem) {
    guard let model = PlacementCostModel(cluster: problem.cluster, geometry: problem.geometry),
      let topK = problem.topK
    else { return nil }
    let batches = PlacementForecast.works(plan, problem, model, topK: topK, limit: Self.batchLimit)
    let parts = batches.map { LayerParts($0, model) }
    func mean(_ value: (LayerParts) -> Double) -> Double {
      parts.reduce(0) { $0 + value($1) } / Double(max(1, parts.count))
    }
    let seconds = mean(\.seconds)
    guard seconds > 0 else { return nil }
    let (hosts, geometry) = (problem.cluster.hosts, model.geometry)
    let speeds = hosts.map { log($0.speed!.operationsPerSecond) }
    let bandwidths = hosts.map { log($0.speed!.memoryBytesPerSecond) }
    let batch = Double(problem.batchTokens)
    let latency = hosts.map(\.link.latencySeconds).max() ?? 0
    let (isCut, copies) = Self.copies(plan)
    let row: [Double] = [
      log(batch), log(Double(hosts.count)), log(Double(plan.expertCount)), Double(topK),
      Double(problem.cluster.slotCount) / Double(plan.expertCount), Self.spread(speeds), Self.spread(bandwidths),
      Self.logRate(hosts.map(\.link.bytesPerSecond).min() ?? .infinity), log(latency + 1e-6),
      Self.logRate(problem.cluster.hubBytesPerSecond),
      log(geometry.operationsPerToken) - speeds.reduce(0, +) / Double(hosts.count),
      log(geometry.expertBytes) - bandwidths.reduce(0, +) / Double(hosts.count), log(geometry.rowBytes),
      log(seconds), mean(\.computeShare), mean(\.readShare), mean(\.expertShare), mean(\.fixedShare),
      mean(\.linkShare), mean(\.hubRatio), mean(\.secondRatio), mean(\.meanRatio), mean(\.busyHosts),
      mean(\.usedExperts), log(mean(\.tokensPerExpert) + 0.01), mean(\.rows) / batch, isCut ? 1 : 0, copies,
      plan.dispatch == .locality ? 1 : 0, 2 * latency / seconds,
    ]
    precondition(row.count == Self.names.count, "a value for each column")
    values = row.map { Float($0) }
    analyticSeconds = seconds
  }

  private static func copies(_ plan: PlacementPlan) -> (isCut: Bool, perExpert: Double) {
    let counts = plan.replicas.compactMap { $0 }
    guard let first = counts.first else { return (true, 1) }
    return (false, Double(first.reduce(0, +)) / Double(max(1, first.count)))
  }

  private static func spread(_ values: [Double]) -> Double {
    let mean = values.reduce(0, +) / Double(values.count)
    return sqrt(values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count))
  }

  /// A link without a limit counts as 1 TB/s.
  private static func logRate(_ bytesPerSecond: Double) -> Double { log(min(bytesPerSecond, 1e12)) }
}

/// Where the cost model says a layer's time goes for one batch; shares are of the slowest host's time.
private struct LayerParts {
  var seconds = 0.0
  var (computeShare, readShare, expertShare, fixedShare, linkShare) = (0.0, 0.0, 0.0, 0.0, 0.0)
  /// The hub, its connection or its own work, over the slowest host.
  var hubRatio = 0.0
  /// The second slowest host, and the mean of the busy ones, over the slowest.
  var secondRatio = 0.0
  var meanRatio = 0.0
  var busyHosts = 0.0
  /// Of the slowest host.
  var usedExperts = 0.0
  var tokensPerExpert = 0.0
  /// Of all hosts.
  var rows = 0.0

  init(_ works: [PlacementCostModel.HostWork], _ model: PlacementCostModel) {
    seconds = model.seconds(of: works)
    rows = works.reduce(0) { $0 + $1.rows }
    let times = works.indices.map { model.seconds(of: works[$0], on: $0) }
    let busy = times.filter { $0 > 0 }.sorted(by: >)
    guard let slowest = times.indices.max(by: { times[$0] < times[$1] }), times[slowest] > 0 else { return }
    let (work, host, total) = (works[slowest], model.cluster.hosts[slowest], times[slowest])
    let (speed, geometry) = (host.speed!, model.geometry)
    usedExperts = work.usedShare.reduce(0, +)
    let tokens = work.expertTokens.reduce(0, +)
    computeShare = tokens * geometry.operationsPerToken * work.fraction / speed.operationsPerSecond / total
    readShare = usedExperts * geometry.expertBytes * work.fraction / speed.memoryBytesPerSecond / total
    expertShare = usedExperts * PlacementCostModel.expertSeconds / total
    fixedShare = 2 * (host.link.latencySeconds + PlacementCostModel.messageSeconds) / total
    linkShare = work.rows * geometry.rowBytes / host.link.bytesPerSecond / total
    hubRatio = model.hubSeconds(rows: rows) / total
    secondRatio = busy.count > 1 ? busy[1] / total : 0
    meanRatio = busy.reduce(0, +) / Double(busy.count) / total
    busyHosts = Double(busy.count)
    tokensPerExpert = tokens / max(1, usedExperts)
  }
}
