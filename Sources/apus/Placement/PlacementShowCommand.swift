import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

extension PlacementCommand {
  /// `apus placement show`: what a plan says, layer by layer.
  struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show a plan: hosts, copies, loads and balancedness of each layer.",
      discussion: "Loads are shares of a layer's tokens, of the load the plan was made for or of --load.")

    @Argument(help: "A plan, as plan --output and recommend --output write it.") var file: String
    @Option(help: "Loads of now: how the plan does with them, and whether it has to be made anew.") var load: String?
    @Option(help: "Only this layer, with the experts of each host.") var layer: Int?
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      let file = try PlacementPlanFile.read(path: file)
      let (plan, cluster, planned) = (try file.plan(), try file.cluster(), try file.plannedLoad())
      let load = try load.map { path throws(ApusError) in try ExpertLoadFile.read(path: path) } ?? planned
      guard load.layerCount == plan.layers.count, load.expertCount == plan.expertCount else {
        throw ApusError(
          .badInput,
          "the load has \(load.layerCount) layers x \(load.expertCount) experts, the plan \(plan.layers.count) x \(plan.expertCount)",
          advice: "show it with loads of the same model")
      }
      if let layer, !plan.layers.indices.contains(layer) {
        throw ApusError(.usage, "--layer \(layer) is not between 0 and \(plan.layers.count - 1)")
      }
      let shown = ShownPlacement(
        strategy: file.strategy, plan: plan, cluster: cluster, load: load,
        drift: LoadDrift(plan, planned: planned, observed: load, cluster: cluster),
        layers: layer.map { [$0] } ?? Array(plan.layers.indices), showsExperts: layer != nil)
      Console.print(json ? shown.json.text : shown.text)
    }
  }
}

/// A plan layer by layer, as text and JSON.
struct ShownPlacement {
  var strategy: String
  var plan: PlacementPlan
  var cluster: PlacementCluster
  var load: ExpertLoad
  var drift: LoadDrift
  var layers: [Int]
  /// Whether the text lists each host's experts.
  var showsExperts: Bool

  private func shares(_ layer: Int) -> [Double] {
    let loads = Balancedness.hostLoads(plan.layers[layer], load.layer(layer), hostCount: plan.hostCount)
    let sum = loads.reduce(0, +)
    return loads.map { sum > 0 ? $0 / sum : 0 }
  }

  /// `[host]`: its experts.
  private func experts(_ layer: Int) -> [[Int]] {
    guard case .hosted(let experts) = plan.layers[layer] else {
      return [[Int]](repeating: Array(0..<plan.expertCount), count: plan.hostCount)
    }
    var hosts = [[Int]](repeating: [], count: plan.hostCount)
    for (expert, copies) in experts.enumerated() { for copy in copies { hosts[copy.host].append(expert) } }
    return hosts
  }

  var text: String {
    let balancedness = Balancedness(plan, load: load, cluster: cluster)
    var lines = [
      "\(strategy): \(plan.layers.count) layers x \(plan.expertCount) experts on \(plan.hostCount) hosts, dispatch \(plan.dispatch.rawValue)"
    ]
    if showsExperts {
      for layer in layers { lines.append(hosts(layer)) }
    } else {
      var table = TextTable([
        ">LAYER", ">BALANCEDNESS", ">COPIES", ">MOST OF ONE", "BUSIEST HOST", ">ITS LOAD", ">LEAST LOAD",
      ])
      for layer in layers {
        let shares = shares(layer)
        let busiest = shares.indices.max { shares[$0] < shares[$1] }!
        let copies = plan.replicas[layer]
        table.add([
          "\(layer)", String(format: "%.4f", balancedness.layers[layer]), copies.map { "\($0.reduce(0, +))" } ?? "cut",
          copies.map { "\($0.max() ?? 0)" } ?? "-", cluster.hosts[busiest].name,
          String(format: "%.2f%%", 100 * shares[busiest]), String(format: "%.2f%%", 100 * (shares.min() ?? 0)),
        ])
      }
      lines.append(table.text())
    }
    lines.append(
      String(format: "balancedness: %.4f mean, %.4f least", balancedness.mean, balancedness.least))
    if let reason = drift.reason { lines.append("plan again: \(reason)") }
    return lines.joined(separator: "\n")
  }

  private func hosts(_ layer: Int) -> String {
    var table = TextTable(["HOST", ">LOAD", ">EXPERTS", "WHICH"])
    let (shares, experts) = (shares(layer), experts(layer))
    for host in experts.indices {
      var which = experts[host].map(String.init).joined(separator: " ")
      if case .sharded(let fractions) = plan.layers[layer] {
        which = String(format: "%.1f%% of each", 100 * fractions[host])
      }
      table.add([
        cluster.hosts[host].name, String(format: "%.2f%%", 100 * shares[host]), "\(experts[host].count)", which,
      ])
    }
    return "layer \(layer)\n" + table.text()
  }

  var json: JSONValue {
    let balancedness = Balancedness(plan, load: load, cluster: cluster)
    return .object([
      ("strategy", .string(strategy)), ("experts", .int(plan.expertCount)),
      ("dispatch", .string(plan.dispatch.rawValue)),
      ("balancedness_mean", .double(balancedness.mean)), ("balancedness_min", .double(balancedness.least)),
      ("planned_balancedness_mean", .double(drift.plannedBalancedness)),
      ("load_correlation", .double(drift.correlation)), ("plan_again", JSONValue(drift.reason)),
      ("layers", .array(layers.map { json($0, balancedness.layers[$0]) })),
    ])
  }

  private func json(_ layer: Int, _ balancedness: Double) -> JSONValue {
    let (shares, experts) = (shares(layer), experts(layer))
    var fractions: [Double]?
    if case .sharded(let parts) = plan.layers[layer] { fractions = parts }
    return .object([
      ("layer", .int(layer)), ("balancedness", .double(balancedness)),
      ("replicas", plan.replicas[layer].map { .array($0.map(JSONValue.int)) } ?? .null),
      (
        "hosts",
        .array(
          experts.indices.map { host in
            .object([
              ("host", .string(cluster.hosts[host].name)), ("load_share", .double(shares[host])),
              ("experts", .array(experts[host].map(JSONValue.int))), ("part_of_each", JSONValue(fractions?[host])),
            ])
          })
      ),
    ])
  }
}
