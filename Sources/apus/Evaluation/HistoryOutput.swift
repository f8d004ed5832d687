import Foundation
import Selection

/// Evaluations of a history as text and JSON.
enum HistoryOutput {
  static func json(_ result: HistoryResult) -> JSONValue {
    .object([
      (
        "selectors",
        .array(
          result.scores.map { score in
            .object([
              ("name", .string(score.selector)), ("achieved_over_best_mean", .double(score.achievedOverBest)),
              ("closed_gap_sbs", JSONValue(score.closedGap)),
            ])
          })
      ), ("leave_out", .string(result.leftOut.rawValue)), ("left_out", .int(result.groupCount)),
      ("contexts", .int(result.contextCount)), ("default_selector", .string(HistoryEvaluation.coordinatorName)),
    ])
  }

  static func text(_ result: HistoryResult) -> String {
    var table = TextTable(["SELECTOR", ">ACHIEVED/BEST", ">GAP CLOSED (SINGLE BEST)"])
    for score in result.scores {
      table.add([
        score.selector, String(format: "%.3f", score.achievedOverBest),
        score.closedGap.map { String(format: "%.3f", $0) } ?? "-",
      ])
    }
    return """
      \(table.text())
      \(result.contextCount) contexts, judged by the time of a whole request; each of \(result.groupCount) \
      \(result.leftOut.rawValue)s left out in turn
      """
  }
}
