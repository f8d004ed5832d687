import XGBoost

/// XGBoost over pairs of instance and algorithm, on the log of the cost relative to the instance's mean: what the
/// instance itself costs is of no use to a choice.
struct BoostedTrees: TableSelector {
  let name = "boosted-trees"
  let summary = "XGBoost over instance and algorithm features predicts the log cost of a pair"

  private static let parameters: [(name: String, value: String)] = [
    ("objective", "reg:squarederror"), ("base_score", "0"), ("max_depth", "6"), ("eta", "0.1"), ("lambda", "1"),
    ("min_child_weight", "3"), ("subsample", "0.8"), ("colsample_bytree", "0.5"), ("verbosity", "0"),
    ("tree_method", "hist"), ("max_bin", "128"),
  ]
  private static let rounds = 120

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let rows = PairRows(table)
    let (matrix, cells) = rows.training(table)
    let targets = table.relativeLogCosts(cells).map { Float($0) }
    do {
      let data = try DataMatrix(values: matrix.values, columnCount: matrix.columnCount, labels: targets)
      let booster = try Booster(
        training: data,
        parameters: Self.parameters + [
          ("nthread", String(context.threadCount)), ("seed", String(context.seed % 1_000_000)),
        ])
      try booster.train(data, rounds: Self.rounds)
      return Model(rows: rows, trees: try TreePredictor(booster.save(), columnCount: matrix.columnCount))
    } catch {
      // The parameters are ours and the labels finite: the library has nothing to refuse.
      preconditionFailure("XGBoost refused a training: \(error)")
    }
  }

  private struct Model: TableModel {
    let rows: PairRows
    let trees: TreePredictor

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let values = candidates.flatMap { rows.row(instance, $0, among: candidates) }
      do {
        return try trees.predict(values).map { Double($0) }
      } catch {
        preconditionFailure("XGBoost refused rows of its own shape: \(error)")
      }
    }
  }
}
