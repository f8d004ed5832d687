import ExpertPlacement
import Foundation

/// Placements as text and JSON.
enum PlacementOutput {
  static func json(_ planned: PlannedPlacement, evaluation: Balancedness? = nil) -> JSONValue {
    let forecast = planned.forecast
    var members: [(String, JSONValue)] = [
      ("strategy", .string(planned.strategy)), ("plan_ms", .double(planned.planMS)),
      ("balancedness_mean", .double(forecast.balancedness.mean)),
      ("balancedness_min", .double(forecast.balancedness.least)),
      ("hosts_per_token_mean", JSONValue(forecast.hostsPerTokenMean)),
      ("bytes_per_token", JSONValue(forecast.bytesPerToken)),
      ("predicted_layer_p50_ms", JSONValue(forecast.layerP50MS)), ("lower_bound_ms", JSONValue(forecast.lowerBoundMS)),
      (
        "replicas",
        .array(planned.plan.replicas.map { layer in layer.map { .array($0.map(JSONValue.int)) } ?? .null })
      ),
      ("duplicates_repaired", .int(planned.plan.duplicatesRepaired)),
    ]
    if let evaluation { members.append(("evaluated_balancedness_mean", .double(evaluation.mean))) }
    return .object(members)
  }

  static func text(_ planned: PlannedPlacement, evaluation: Balancedness? = nil) -> String {
    var lines = [table([planned])]
    if let evaluation {
      lines.append(
        String(format: "balancedness for the other loads: %.4f mean, %.4f least", evaluation.mean, evaluation.least))
    }
    lines += bounds(planned.forecast)
    return lines.joined(separator: "\n")
  }

  private static func bounds(_ forecast: PlacementForecast) -> [String] {
    guard let bound = forecast.lowerBoundMS else { return [] }
    let gap = forecast.layerP50MS.map { String(format: ", %.2fx of it expected", $0 / bound) } ?? ""
    return ["lower bound of a layer: \(Figures.milliseconds(bound))\(gap)"]
  }

  static func table(_ plans: [PlannedPlacement]) -> String {
    var table = TextTable([
      "STRATEGY", ">LAYER P50", ">P99", ">BALANCEDNESS", ">LEAST", ">HOSTS/TOKEN", ">KB/TOKEN", ">COPIES", ">REPAIRED",
      ">PLANNED IN",
    ])
    func number(_ value: Double?, _ format: String) -> String { value.map { String(format: format, $0) } ?? "-" }
    for planned in plans {
      let forecast = planned.forecast
      let copies = planned.plan.replicas.compactMap { $0?.reduce(0, +) }
      table.add([
        planned.strategy, Figures.milliseconds(forecast.layerP50MS), Figures.milliseconds(forecast.layerP99MS),
        number(forecast.balancedness.mean, "%.4f"), number(forecast.balancedness.least, "%.4f"),
        number(forecast.hostsPerTokenMean, "%.2f"), number(forecast.bytesPerToken.map { $0 / 1e3 }, "%.1f"),
        copies.isEmpty ? "cut" : "\(copies[0])", "\(planned.plan.duplicatesRepaired)",
        Figures.milliseconds(planned.planMS),
      ])
    }
    return table.text()
  }
}
