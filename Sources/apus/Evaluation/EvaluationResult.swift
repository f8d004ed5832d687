import Learning
import Selection

/// All scores on one ASlib scenario.
struct ScenarioResult: Sendable {
  var name: String
  var singleBestLoss: Double
  var virtualBestLoss: Double
  var scores: [ScenarioEvaluation.Score]
}

/// All scores on one table of measurements.
struct TableResult: Sendable {
  var selection: TidySelection
  var contextCount: Int
  var scores: [TableEvaluation.Score]
}

/// All scores on the stream of one ASlib scenario.
struct StreamResult: Sendable {
  var name: String
  var stepCount: Int
  var oracleLoss: Double
  var scores: [StreamEvaluation.Score]
}

/// All scores on a history.
struct HistoryResult: Sendable {
  var leftOut: HistoryEvaluation.LeftOut
  var contextCount: Int
  /// Models, machines or workloads that were left out in turn.
  var groupCount: Int
  var scores: [HistoryEvaluation.Score]
}
