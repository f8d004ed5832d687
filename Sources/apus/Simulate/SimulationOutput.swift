import Coordinator
import Foundation
import Serving
import Simulation

/// One router's run.
struct SimulatedRun {
  var policy: RoutingPolicyName
  var result: SimulationResult
  /// Real time.
  var took: Duration
}

/// What `apus simulate` shows: a row for each router; with one router, its nodes and what changes did.
struct SimulationOutput {
  let runs: [SimulatedRun]
  let hindsight: SimulationResult?
  let nodes: [NodeModel]
  let requests: [TraceRequest]
  let sloTTFTSeconds: Double
  let sloTPOTSeconds: Double

  /// Outcomes of a changed node after which the router should know.
  private static let learningOutcomes = 50
  /// Nodes that a table has room for.
  private static let nodesShown = 16

  private var load: Double {
    guard let last = requests.last, last.seconds > 0 else { return 0 }
    return Double(requests.count) / last.seconds / nodes.capacity(for: requests)
  }

  var text: String {
    var table = TextTable([
      "router", ">TTFT p50", ">p90", ">p99", ">E2E p50", ">p90", ">p99", ">goodput/s", ">cached", ">loads", ">regret",
    ])
    for run in runs { table.add(row(run.policy.rawValue, run.result, isHindsight: false)) }
    if let hindsight { table.add(row("(hindsight)", hindsight, isHindsight: true)) }
    let head = String(
      format: "%d requests in %.0f s on %d nodes, load %.2f", requests.count, requests.last?.seconds ?? 0, nodes.count,
      load)
    var parts = [head, table.text()]
    for run in runs where run.result.unservedCount > 0 {
      parts.append(
        "\(run.policy.rawValue): \(run.result.unservedCount) requests were not served: from "
          + String(format: "%.0f s on no node was left", run.result.seconds))
    }
    if runs.count == 1 {
      let result = runs[0].result
      parts.append(nodeTable(result))
      if let changes = changes(result) { parts.append(changes) }
      if result.hedgeCount > 0 {
        parts.append(
          "\(result.hedgeCount) requests were given to a second node, which had \(result.hedgesWonCount) of them in the end"
        )
      }
    }
    return parts.joined(separator: "\n\n")
  }

  private func row(_ name: String, _ result: SimulationResult, isHindsight: Bool) -> [String] {
    let latencies = [SimulationResult.Latency.ttft, .e2e].flatMap { latency in
      [0.5, 0.9, 0.99].map { Self.seconds(result.percentile($0, latency)) }
    }
    let goodput = result.goodput(ttftSeconds: sloTTFTSeconds, tpotSeconds: sloTPOTSeconds)
    let regret = isHindsight ? "" : hindsight.map { Self.percent(result.regret(against: $0)) } ?? "-"
    return [name] + latencies + [
      String(format: "%.2f", goodput), String(format: "%.0f%%", 100 * result.cachedShare), "\(result.loadCount)",
      regret,
    ]
  }

  private func nodeTable(_ result: SimulationResult) -> String {
    var table = TextTable(["node", ">requests", ">busy", ">loads"])
    for node in result.nodes.prefix(Self.nodesShown) {
      table.add([
        node.name, "\(node.requestCount)", String(format: "%.0f%%", 100 * node.busySeconds / max(1e-9, result.seconds)),
        "\(node.loadCount)",
      ])
    }
    let left = result.nodes.count - Self.nodesShown
    return table.text() + (left > 0 ? "\n... and \(left) more" : "")
  }

  private func changes(_ result: SimulationResult) -> String? {
    var lines: [String] = []
    if let slowed = result.slowed {
      let parts = [result, hindsight].compactMap { $0 }.map {
        $0.stretches(around: slowed, outcomes: Self.learningOutcomes)
      }
      let names = ["before", "its next \(Self.learningOutcomes) outcomes", "after that"]
      var table = TextTable(
        ["\(nodes[slowed.node].name) slows at \(Int(slowed.seconds)) s", ">its share", ">E2E p50", ">p99"]
          + (hindsight == nil ? [] : [">in hindsight: share", ">E2E p50", ">p99"]))
      for (place, name) in names.enumerated() {
        table.add(
          [name]
            + parts.map { $0[place] }.flatMap { part in
              [
                String(format: "%.1f%%", 100 * part.share), Self.seconds(part.p50Seconds),
                Self.seconds(part.p99Seconds),
              ]
            })
      }
      lines.append(table.text())
    }
    if let joined = result.joined {
      let count = result.requestsUntilUse(of: joined)
      lines.append(
        "\(nodes[joined.node].name) joins at \(Int(joined.seconds)) s: "
          + (count.map { "request \($0) after that is the first it gets" } ?? "no request was sent there"))
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n\n")
  }

  /// Never `-0%`.
  private static func percent(_ share: Double) -> String { String(format: "%.0f%%", (100 * share).rounded() + 0) }

  private static func seconds(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    return value < 0.1 ? String(format: "%.0f ms", 1000 * value) : String(format: "%.2f s", value)
  }

  // MARK: JSON

  var json: JSONValue {
    .object([
      ("request_count", .int(requests.count)), ("node_count", .int(nodes.count)), ("load", .double(load)),
      ("routers", .array(runs.map { object($0.policy.rawValue, $0.result, took: $0.took) })),
      ("hindsight", hindsight.map { object("hindsight", $0, took: nil) } ?? .null),
    ])
  }

  private func object(_ name: String, _ result: SimulationResult, took: Duration?) -> JSONValue {
    var members: [(String, JSONValue)] = [("router", .string(name))]
    for latency in SimulationResult.Latency.allCases {
      for percentile in [50, 90, 99] {
        members.append(
          (
            "\(latency.rawValue)_p\(percentile)_ms",
            JSONValue(result.percentile(Double(percentile) / 100, latency).map { 1000 * $0 })
          ))
      }
    }
    members += [
      ("unserved_count", .int(result.unservedCount)),
      ("goodput_per_second", .double(result.goodput(ttftSeconds: sloTTFTSeconds, tpotSeconds: sloTPOTSeconds))),
      ("cached_share", .double(result.cachedShare)), ("load_count", .int(result.loadCount)),
      ("hedge_count", .int(result.hedgeCount)), ("hedges_won_count", .int(result.hedgesWonCount)),
      ("regret_share", JSONValue(took == nil ? nil : hindsight.map { result.regret(against: $0) })),
      ("simulated_seconds", .double(result.seconds)),
      ("took_seconds", JSONValue(took?.seconds)),
      (
        "nodes",
        .array(
          result.nodes.map {
            .object([
              ("node", .string($0.name)), ("request_count", .int($0.requestCount)),
              ("busy_share", .double($0.busySeconds / max(1e-9, result.seconds))), ("load_count", .int($0.loadCount)),
            ])
          })
      ),
    ]
    if let slowed = result.slowed {
      let parts = result.stretches(around: slowed, outcomes: Self.learningOutcomes)
      members.append(
        (
          "slowed",
          .object([
            ("node", .string(nodes[slowed.node].name)), ("at_seconds", .double(slowed.seconds)),
            (
              "stretches",
              .array(
                parts.map {
                  .object([
                    ("node_share", .double($0.share)), ("e2e_p50_ms", .double(1000 * $0.p50Seconds)),
                    ("e2e_p99_ms", .double(1000 * $0.p99Seconds)), ("request_count", .int($0.requestCount)),
                  ])
                })
            ),
          ])
        ))
    }
    if let joined = result.joined {
      members.append(
        (
          "joined",
          .object([
            ("node", .string(nodes[joined.node].name)), ("at_seconds", .double(joined.seconds)),
            ("requests_until_use", JSONValue(result.requestsUntilUse(of: joined))),
          ])
        ))
    }
    return .object(members)
  }
}
