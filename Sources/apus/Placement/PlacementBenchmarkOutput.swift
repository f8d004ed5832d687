import ExpertPlacement
import Foundation
import Serving

/// Measured placements as text and JSON.
enum PlacementBenchmarkOutput {
  private static func parts(
    _ figures: PlacementMeasurement.Figures
  ) -> [(name: String, span: PlacementMeasurement.Span)] {
    [
      ("layer", figures.layer), ("dispatch", figures.dispatch), ("compute", figures.compute),
      ("combine", figures.combine), ("wait", figures.wait),
    ]
  }

  // MARK: JSON

  static func json(_ result: PlacementBenchmarkResult) -> JSONValue {
    let names = result.measurements.first?.hosts.map { JSONValue.object([("name", .string($0.rawValue))]) } ?? []
    return .object([
      ("hosts", .array(result.hosts.isEmpty ? names : result.hosts.map(json))),
      ("placements", .array(result.measurements.map { json($0, isEmulated: result.isEmulated) })),
      ("races", .array(result.races.map(json))),
    ])
  }

  private static func json(_ host: PlacementHost) -> JSONValue {
    .object([
      ("name", .string(host.name)), ("gflop_per_s", JSONValue(host.speed.map { $0.operationsPerSecond / 1e9 })),
      ("memory_gb_per_s", JSONValue(host.speed.map { $0.memoryBytesPerSecond / 1e9 })), ("slots", .int(host.slotCount)),
    ])
  }

  private static func json(_ race: PlacementRaceResult) -> JSONValue {
    .object([
      ("batch_tokens", .int(race.batchTokens)), ("winner", .string(race.winner)),
      (
        "entrants",
        .array(
          race.entrants.map {
            .object([
              ("strategy", .string($0.strategy)), ("rounds", .int($0.rounds)), ("time_over_winner", .double($0.ratio)),
            ])
          })
      ),
    ])
  }

  private static func json(_ measurement: PlacementMeasurement, isEmulated: Bool) -> JSONValue {
    var members: [(String, JSONValue)] = [
      ("strategy", .string(measurement.strategy)), ("batch_tokens", .int(measurement.batchTokens)),
      ("layers", .int(measurement.layerCount)),
    ]
    switch measurement.outcome {
    case .failed(let reason): members.append(("failure", .string(reason)))
    case .completed(let figures): members += self.members(figures, of: measurement, isEmulated: isEmulated)
    }
    return .object(members)
  }

  private static func members(
    _ figures: PlacementMeasurement.Figures, of measurement: PlacementMeasurement, isEmulated: Bool
  ) -> [(String, JSONValue)] {
    var members: [(String, JSONValue)] = [("measured_batches", .int(figures.passCount))]
    for (name, span) in parts(figures) {
      members.append(("\(name)_p50_ms", .double(span.p50MS)))
      members.append(("\(name)_p99_ms", .double(span.p99MS)))
    }
    return members + [
      ("predicted_layer_p50_ms", JSONValue(figures.predictedP50MS)),
      ("measured_over_predicted", JSONValue(figures.predictedP50MS.map { figures.layer.p50MS / $0 })),
      ("speedup", JSONValue(figures.speedup)), ("lower_bound_ms", JSONValue(figures.lowerBoundMS)),
      ("balancedness_mean", .double(figures.balancedness)), ("hosts_per_token_mean", .double(figures.hostsPerToken)),
      (
        "links",
        .array(
          zip(measurement.hosts, figures.links).map { host, link in
            .object([
              ("host", .string(host.rawValue)), ("sent_bytes_per_token", .double(link.sentBytesPerToken)),
              ("received_bytes_per_token", .double(link.receivedBytesPerToken)),
              ("memory_bytes", .int(link.memoryBytes)),
            ])
          })
      ),
      ("plan_ms", .double(figures.planMS)), ("moved_bytes", JSONValue(figures.move?.bytes)),
      ("move_s", JSONValue(figures.move?.seconds)),
      ("break_even_batches", JSONValue(figures.move?.breakEvenBatches)),
      ("relative_difference", JSONValue(figures.relativeDifference)), ("hedged_requests", .int(figures.hedgedCount)),
      ("rerouted_requests", .int(figures.reroutedCount)),
      ("unemulated_computations", JSONValue(isEmulated ? figures.unemulatedCount : nil)),
    ]
  }

  // MARK: Text

  static func text(_ result: PlacementBenchmarkResult) -> String {
    var table = TextTable([
      ">BATCH", "STRATEGY", ">LAYER P50", ">P99", ">DISPATCH", ">COMPUTE", ">COMBINE", ">WAIT", ">FORESEEN", ">SPEEDUP",
      ">BALANCEDNESS", ">HOSTS/TOKEN", ">KB/TOKEN", ">MOST MEMORY", ">MOVED", ">IN", ">PAYS AFTER",
    ])
    let measured = result.measurements.compactMap { measurement in measurement.figures.map { (measurement, $0) } }
    for (measurement, figures) in measured {
      let bytes = figures.links.reduce(0) { $0 + $1.sentBytesPerToken + $1.receivedBytesPerToken }
      table.add(
        [
          "\(measurement.batchTokens)", measurement.strategy, Figures.milliseconds(figures.layer.p50MS),
          Figures.milliseconds(figures.layer.p99MS),
        ]
          + parts(figures).dropFirst().map { Figures.milliseconds($0.span.p50MS) }
          + [
            Figures.milliseconds(figures.predictedP50MS), Figures.factor(figures.speedup),
            String(format: "%.3f", figures.balancedness), String(format: "%.2f", figures.hostsPerToken),
            String(format: "%.1f", bytes / 1e3), Figures.bytes(figures.links.map(\.memoryBytes).max()),
            Figures.bytes(figures.move?.bytes), figures.move.map { String(format: "%.2f s", $0.seconds) } ?? "-",
            figures.move?.breakEvenBatches.map { String(format: "%.1f batches", $0) } ?? "-",
          ])
    }
    var lines = [table.text()]
    if let worst = measured.compactMap(\.1.relativeDifference).max() {
      lines.append(String(format: "results differ by at most %.1e between placements (relative)", worst))
    }
    let unemulated = measured.reduce(0) { $0 + $1.1.unemulatedCount }
    if unemulated > 0, result.isEmulated {
      lines.append(
        "\(unemulated) computations took longer here than on the machine played: play slower ones with --gflop-per-s")
    }
    return lines.joined(separator: "\n")
  }

  /// Who raced, and by how much the others were behind.
  static func text(_ race: PlacementRaceResult) -> String {
    let others = race.entrants.filter { $0.strategy != race.winner }
    guard !others.isEmpty else { return "\(race.winner) has no rival" }
    let rounds = race.entrants.first { $0.strategy == race.winner }?.rounds ?? 0
    let behind = others.map { String(format: "%@ took %.2fx as long (%d)", $0.strategy, $0.ratio, $0.rounds) }
    return "\(race.winner) won in \(rounds) batches: \(behind.joined(separator: ", "))"
  }
}
