import Foundation
import Learning

/// Evaluations as text and JSON.
enum EvaluationOutput {
  private static let defaultSelector = JSONValue.string(TableSelectorCatalogue.defaultSelector.name)

  static func json(_ results: [ScenarioResult]) -> JSONValue {
    .object([
      (
        "scenarios",
        .array(
          results.map { result in
            .object([
              ("name", .string(result.name)), ("sbs_par10", .double(result.singleBestLoss)),
              ("vbs_par10", .double(result.virtualBestLoss)), ("selectors", .array(result.scores.map(json))),
            ])
          })
      ), ("default_selector", defaultSelector),
    ])
  }

  private static func json(_ score: ScenarioEvaluation.Score) -> JSONValue {
    .object([
      ("name", .string(score.selector)), ("seed", .int(Int(score.seed))), ("npar10_mean", JSONValue(score.mean)),
      ("npar10_folds", .array(score.folds.map { JSONValue($0) })), ("null_folds", .int(score.undefinedFoldCount)),
    ])
  }

  static func json(_ result: TableResult) -> JSONValue {
    .object([
      (
        "selectors",
        .array(
          result.scores.map { score in
            .object([
              ("name", .string(score.selector)), ("achieved_over_best_mean", .double(score.achievedOverBest)),
              ("closed_gap_sbs", JSONValue(score.closedGapSingleBest)),
              ("closed_gap_rule", JSONValue(score.closedGapRule)),
              ("worse_than_sbs_5pct_share", .double(score.shareWorseThanSingleBest)),
            ])
          })
      ), ("contexts", .int(result.contextCount)),
      ("dropped_status_rows", .int(result.selection.failedRowCount)),
      ("dropped_cost_rows", .int(result.selection.uselessRowCount)),
      ("dropped_small_contexts", .int(result.selection.smallInstanceCount)), ("default_selector", defaultSelector),
    ])
  }

  /// A row for each selector, a column for each scenario; the mean over the seeds.
  static func text(_ results: [ScenarioResult], _ names: [String]) -> String {
    var table = TextTable(["SELECTOR"] + results.map { ">" + $0.name } + [">MEAN", ">SEEDS' SD"])
    for name in names {
      // means[scenario][seed]
      let means = results.map { $0.scores.filter { $0.selector == name }.map(\.mean) }
      let perScenario = means.map { seeds in mean(seeds.compactMap { $0 }) }
      let perSeed = (0..<(means.first?.count ?? 0)).map { seed in mean(means.compactMap { $0[seed] }) }.compactMap {
        $0
      }
      table.add(
        [mark(name)] + perScenario.map(figure) + [
          figure(mean(perScenario.compactMap { $0 })), figure(deviation(perSeed)),
        ]
      )
    }
    var lines = [
      "normalised PAR10 (0 virtual best, 1 single best; the normalised mean loss where there is no cutoff)",
      table.text(),
    ]
    for result in results {
      let nulls = result.scores.first?.undefinedFoldCount ?? 0
      if nulls > 0 { lines.append("\(result.name): \(nulls) folds without a score, their single best is the best") }
    }
    return lines.joined(separator: "\n")
  }

  static func text(_ result: TableResult) -> String {
    var table = TextTable([
      "SELECTOR", ">ACHIEVED/BEST", ">GAP CLOSED (SINGLE BEST)", ">GAP CLOSED (BEST RULE)", ">WORSE THAN SINGLE BEST",
    ])
    for score in result.scores {
      table.add([
        mark(score.selector), figure(score.achievedOverBest), figure(score.closedGapSingleBest),
        figure(score.closedGapRule), String(format: "%.1f%%", score.shareWorseThanSingleBest * 100),
      ])
    }
    let selection = result.selection
    return """
      \(table.text())
      \(result.contextCount) contexts tested, \(selection.table.algorithmCount) algorithms, \
      \(selection.table.instances.columnCount) context and \(selection.table.algorithms.columnCount) algorithm features; \
      left out: \(selection.failedRowCount) rows by status, \(selection.uselessRowCount) without a cost, \
      \(selection.smallInstanceCount) contexts with too few algorithms
      """
  }

  private static func mark(_ name: String) -> String {
    name == TableSelectorCatalogue.defaultSelector.name ? name + " (default)" : name
  }

  private static func figure(_ value: Double?) -> String { value.map { String(format: "%.3f", $0) } ?? "-" }

  private static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  private static func deviation(_ values: [Double]) -> Double? {
    guard values.count > 1, let mean = Self.mean(values) else { return nil }
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }
}
