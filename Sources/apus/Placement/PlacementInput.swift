import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

/// What a placement is planned for, as given on the command line.
struct PlacementInput: ParsableArguments {
  @Option(
    help: """
      Tokens for each expert: a CSV without a header (a row for each layer, a column for each expert), or a recording of \
      SGLang, vLLM, EPLB or Apus (apus placement import).
      """)
  var load: String?
  @Option(help: "Expert ids of every token, one byte each: [layer][token][top-k]. Needs --layers, --top-k, --experts.")
  var trace: String?
  @Option(help: "Layers of the trace.") var layers: Int?
  @Option(help: "Experts for each token.") var topK: Int?
  @Option(help: "Experts of a layer of the trace.") var experts: Int?
  @Option(help: "Hosts, all alike.") var hosts: Int?
  @Option(help: "Expert copies of each layer over all hosts. [default: one of each expert, rounded up to equal hosts]")
  var slots: Int?
  @Option(help: "YAML file of unequal hosts (Deploy/config/placement-cluster.yaml).") var cluster: String?
  @Option(help: "Tokens that pass a layer together.") var batch = 128
  @Option(help: "For eplb: expert groups that stay together on a node.") var groups: Int?
  @Option(help: "For eplb: nodes of as many hosts each.") var nodes: Int?

  func validate() throws {
    guard (load == nil) != (trace == nil) else { throw ValidationError("give either --load or --trace") }
    guard (hosts == nil) != (cluster == nil) else { throw ValidationError("give either --hosts or --cluster") }
    guard trace == nil || (layers != nil && topK != nil && experts != nil) else {
      throw ValidationError("--trace needs --layers, --top-k and --experts")
    }
    guard (groups == nil) == (nodes == nil) else { throw ValidationError("--groups and --nodes go together") }
    guard slots == nil || hosts != nil else { throw ValidationError("--slots goes with --hosts") }
    guard batch > 0 else { throw ValidationError("--batch \(batch) is not at least 1") }
  }

  /// - Parameter current: the plan in use.
  func problem(current: PlacementPlan? = nil) throws(ApusError) -> PlacementProblem {
    if let trace, let layers, let topK, let experts {
      let trace = try RoutingTraceFile.read(path: trace, layerCount: layers, topK: topK, expertCount: experts)
      return try problem(trace, current)
    }
    guard let load else { preconditionFailure("validate asks for a load or a trace") }
    let recording = try ExpertLoadFile.recording(path: load)
    if case .trace(let trace) = recording { return try problem(trace, current) }
    let counts = recording.load
    let (cluster, geometry, modelTopK) = try described(expertCount: counts.expertCount, layerCount: counts.layerCount)
    return try PlacementProblem(
      load: counts, cluster: cluster, geometry: geometry, batchTokens: batch, topK: topK ?? modelTopK,
      current: current)
  }

  private func problem(_ trace: RoutingTrace, _ current: PlacementPlan?) throws(ApusError) -> PlacementProblem {
    let (cluster, geometry, _) = try described(expertCount: trace.expertCount, layerCount: trace.layerCount)
    return try PlacementProblem(
      trace: trace, cluster: cluster, geometry: geometry, batchTokens: batch, current: current)
  }

  private func described(
    expertCount: Int, layerCount: Int
  ) throws(ApusError) -> (cluster: PlacementCluster, geometry: ExpertGeometry?, topK: Int?) {
    if let cluster { return try PlacementClusterFile.read(path: cluster).described(layerCount: layerCount) }
    guard let hosts, (1...PlacementCluster.hostLimit).contains(hosts) else {
      throw ApusError(
        .usage, "--hosts \(hosts ?? 0) is not between 1 and \(PlacementCluster.hostLimit)",
        advice: "give a number of hosts")
    }
    let slotCount = slots ?? (expertCount + hosts - 1) / hosts * hosts
    guard slotCount >= 0, slotCount <= expertCount * hosts else {
      throw ApusError(
        .usage, "--slots \(slotCount) is not between 0 and \(expertCount * hosts)",
        advice: "more than each expert on each host is of no use")
    }
    return (try PlacementCluster.equal(hostCount: hosts, slotCount: slotCount), nil, nil)
  }

  // MARK: Strategies

  func strategy(named name: String) throws(ApusError) -> any PlacementStrategy {
    let strategy = try PlacementStrategies.named(name)
    guard strategy is EPLB, let groups, let nodes else { return strategy }
    return EPLB(hierarchy: try EPLB.Hierarchy(groupCount: groups, nodeCount: nodes))
  }

  func strategies() throws(ApusError) -> [any PlacementStrategy] {
    var strategies: [any PlacementStrategy] = []
    for strategy in PlacementStrategies.all { strategies.append(try self.strategy(named: strategy.name)) }
    return strategies
  }
}
