/// XGBoost over pairs of instance and algorithm, on the log of the cost relative to the instance's mean: what the
/// instance itself costs is of no use to a choice.
struct BoostedTrees: TableSelector {
  let name = "boosted-trees"
  let summary = "XGBoost over instance and algorithm features predicts the log cost of a pair"

  private static let settings = BoostedRegressor.Settings(
    parameters: [
      ("objective", "reg:squarederror"), ("base_score", "0"), ("max_depth", "6"), ("eta", "0.1"), ("lambda", "1"),
      ("min_child_weight", "3"), ("subsample", "0.8"), ("colsample_bytree", "0.5"), ("verbosity", "0"),
      ("tree_method", "hist"), ("max_bin", "128"),
    ], rounds: 120)

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let pairs = PairRows(table)
    let (matrix, cells) = pairs.training(table)
    var rows = RegressionRows(columnCount: matrix.columnCount)
    for (place, target) in table.relativeLogCosts(cells).enumerated() { rows.append(matrix.row(place), target: target) }
    return Model(pairs: pairs, trees: BoostedRegressor(rows, settings: Self.settings, context))
  }

  private struct Model: TableModel {
    let pairs: PairRows
    let trees: BoostedRegressor

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      trees.predict(candidates.flatMap { pairs.row(instance, $0, among: candidates) })
    }
  }
}
