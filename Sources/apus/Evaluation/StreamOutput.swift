import Foundation
import Learning

/// Evaluations of streams as text and JSON.
enum StreamOutput {
  static func json(_ results: [StreamResult]) -> JSONValue {
    .object([
      (
        "scenarios",
        .array(
          results.map { result in
            .object([
              ("name", .string(result.name)), ("steps", .int(result.stepCount)),
              ("oracle_par10", .double(result.oracleLoss)), ("selectors", .array(result.scores.map(json))),
            ])
          })
      ), ("default_selector", .string(BanditKind.defaultBandit.name)),
    ])
  }

  private static func json(_ score: StreamEvaluation.Score) -> JSONValue {
    .object([
      ("name", .string(score.bandit)), ("seed", .int(Int(score.seed))), ("repar10", .double(score.relativeLoss)),
      ("repar10_solvable", .double(score.relativeSolvableLoss)), ("step_mean_ms", .double(score.meanStepSeconds * 1e3)),
      ("step_longest_ms", .double(score.longestStepSeconds * 1e3)),
    ])
  }

  /// A row for each bandit, a column for each scenario; the mean over the seeds.
  static func text(_ results: [StreamResult], _ names: [String]) -> String {
    [
      "rePAR10 (1 is always choosing the best)", table(results, names, \.relativeLoss).text(), "",
      "the same without instances that nobody solves", table(results, names, \.relativeSolvableLoss).text(), "",
      "milliseconds for a choice and learning from it",
      table(results, names) { $0.meanStepSeconds * 1e3 }.text(),
    ].joined(separator: "\n")
  }

  private static func table(
    _ results: [StreamResult], _ names: [String], _ figure: (StreamEvaluation.Score) -> Double
  ) -> TextTable {
    var table = TextTable(["SELECTOR"] + results.map { ">" + $0.name } + [">MEAN", ">MEDIAN"])
    for name in names {
      let means = results.map { result in
        let own = result.scores.filter { $0.bandit == name }.map(figure)
        return own.reduce(0, +) / Double(max(1, own.count))
      }
      let sorted = means.sorted()
      let median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
      let isDefault = name == BanditKind.defaultBandit.name
      table.add(
        [isDefault ? name + " (default)" : name]
          + (means + [means.reduce(0, +) / Double(means.count), median]).map { String(format: "%.3f", $0) })
    }
    return table
  }
}
