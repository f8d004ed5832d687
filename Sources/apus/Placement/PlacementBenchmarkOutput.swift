import ExpertExecution
import ExpertPlacement
import Foundation

/// One plan with one batch size, planned and measured.
struct PlacementBenchmarkRow {
  let planned: PlannedPlacement
  let trial: PlacementRun
  /// From the first plan.
  let move: PlacementMove
  /// Of weights on each host.
  let memoryBytes: [Int]
  /// Layers that were moved and run.
  let layers: Int
  /// The first plan's with the same batch size; nil for the first itself.
  let baseline: PlacementRun?

  var p50MS: Double { trial.seconds(\.totalSeconds, at: 0.5) * 1e3 }
  var p99MS: Double { trial.seconds(\.totalSeconds, at: 0.99) * 1e3 }
  var measuredOverPredicted: Double? { planned.forecast.layerP50MS.map { p50MS / $0 } }
  /// How many times as fast as the first plan.
  var speedup: Double? { baseline.map { $0.seconds(\.totalSeconds, at: 0.5) * 1e3 / p50MS } }
  /// Batches through all layers until the move has paid; nil where it never does.
  var breakEvenBatches: Double? {
    guard let baseline else { return nil }
    let saving = (baseline.seconds(\.totalSeconds, at: 0.5) - p50MS / 1e3) * Double(layers)
    return saving > 0 ? move.seconds / saving : nil
  }
  var relativeDifference: Double? { baseline.map { trial.relativeDifference(to: $0) } }
}

/// Measured placements as text and JSON.
enum PlacementBenchmarkOutput {
  private static let parts: [(name: String, seconds: @Sendable (LayerTiming) -> Double)] = [
    ("layer", { $0.totalSeconds }), ("dispatch", { $0.dispatchSeconds }), ("compute", { $0.computeSeconds }),
    ("combine", { $0.combineSeconds }), ("wait", { $0.waitSeconds }),
  ]

  static func json(_ rows: [PlacementBenchmarkRow], _ hosts: BenchmarkHosts) -> JSONValue {
    .object([
      ("hosts", .array(hosts.cluster.hosts.map(json))), ("placements", .array(rows.map { json($0, hosts) })),
    ])
  }

  private static func json(_ host: PlacementHost) -> JSONValue {
    .object([
      ("name", .string(host.name)), ("gflop_per_s", JSONValue(host.speed.map { $0.operationsPerSecond / 1e9 })),
      ("memory_gb_per_s", JSONValue(host.speed.map { $0.memoryBytesPerSecond / 1e9 })), ("slots", .int(host.slotCount)),
    ])
  }

  private static func json(_ row: PlacementBenchmarkRow, _ hosts: BenchmarkHosts) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("strategy", .string(row.planned.strategy)), ("batch_tokens", .int(row.trial.batchTokens)),
      ("layers", .int(row.layers)), ("measured_batches", .int(row.trial.timings.count)),
    ]
    for part in parts {
      members.append(("\(part.name)_p50_ms", .double(row.trial.seconds(part.seconds, at: 0.5) * 1e3)))
      members.append(("\(part.name)_p99_ms", .double(row.trial.seconds(part.seconds, at: 0.99) * 1e3)))
    }
    members += [
      ("predicted_layer_p50_ms", JSONValue(row.planned.forecast.layerP50MS)),
      ("measured_over_predicted", JSONValue(row.measuredOverPredicted)), ("speedup", JSONValue(row.speedup)),
      ("lower_bound_ms", JSONValue(row.planned.forecast.lowerBoundMS)),
      ("balancedness_mean", .double(row.trial.balancedness)),
      ("hosts_per_token_mean", .double(row.trial.hostsPerToken)),
      (
        "links",
        .array(
          zip(hosts.cluster.hosts, zip(row.trial.linkBytesPerToken, row.memoryBytes)).map { host, figures in
            .object([
              ("host", .string(host.name)), ("sent_bytes_per_token", .double(figures.0.sent)),
              ("received_bytes_per_token", .double(figures.0.received)), ("memory_bytes", .int(figures.1)),
            ])
          })
      ),
      ("plan_ms", .double(row.planned.planMS)), ("moved_bytes", .int(row.move.movedBytes)),
      ("move_s", .double(row.move.seconds)), ("break_even_batches", JSONValue(row.breakEvenBatches)),
      ("relative_difference", JSONValue(row.relativeDifference)), ("hedged_requests", .int(row.trial.hedged)),
      ("rerouted_requests", .int(row.trial.rerouted)),
      ("unemulated_computations", JSONValue(hosts.isEmulated ? row.trial.unemulated : nil)),
    ]
    return .object(members)
  }

  static func text(_ rows: [PlacementBenchmarkRow], _ hosts: BenchmarkHosts) -> String {
    var table = TextTable([
      ">BATCH", "STRATEGY", ">LAYER P50", ">P99", ">DISPATCH", ">COMPUTE", ">COMBINE", ">WAIT", ">FORESEEN", ">SPEEDUP",
      ">BALANCEDNESS", ">HOSTS/TOKEN", ">KB/TOKEN", ">MOST MEMORY", ">MOVED", ">IN", ">PAYS AFTER",
    ])
    for row in rows {
      let links = row.trial.linkBytesPerToken
      func median(_ part: (LayerTiming) -> Double) -> String {
        Figures.milliseconds(row.trial.seconds(part, at: 0.5) * 1e3)
      }
      table.add([
        "\(row.trial.batchTokens)", row.planned.strategy, Figures.milliseconds(row.p50MS),
        Figures.milliseconds(row.p99MS),
        median(\.dispatchSeconds), median(\.computeSeconds), median(\.combineSeconds), median(\.waitSeconds),
        Figures.milliseconds(row.planned.forecast.layerP50MS), Figures.factor(row.speedup),
        String(format: "%.3f", row.trial.balancedness), String(format: "%.2f", row.trial.hostsPerToken),
        String(format: "%.1f", links.reduce(0) { $0 + $1.sent + $1.received } / 1e3),
        Figures.bytes(row.memoryBytes.max()), Figures.bytes(row.move.movedBytes),
        String(format: "%.2f s", row.move.seconds),
        row.breakEvenBatches.map { String(format: "%.1f batches", $0) } ?? "-",
      ])
    }
    var lines = [table.text()]
    if let worst = rows.compactMap(\.relativeDifference).max() {
      lines.append(String(format: "results differ by at most %.1e between placements (relative)", worst))
    }
    let unemulated = rows.reduce(0) { $0 + $1.trial.unemulated }
    if unemulated > 0, hosts.isEmulated {
      lines.append(
        "\(unemulated) computations took longer here than on the machine played: play slower ones with --gflop-per-s")
    }
    return lines.joined(separator: "\n")
  }
}
