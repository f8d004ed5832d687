import XGBoost

/// Boosted trees (XGBoost) that foresee a number for a row of features.
struct BoostedRegressor: Sendable {
  /// As in XGBoost's documentation; the seed and the threads are those of the training.
  struct Settings: Sendable {
    var parameters: [(name: String, value: String)]
    var rounds: Int
  }

  /// The trees, as XGBoost writes them.
  let bytes: [UInt8]
  private let trees: TreePredictor

  /// - Parameter rows: at least one.
  init(_ rows: RegressionRows, settings: Settings, _ context: TrainingContext) {
    do {
      let matrix = try DataMatrix(
        values: rows.values, columnCount: rows.columnCount, labels: rows.targets, weights: rows.weights)
      let booster = try Booster(
        training: matrix,
        parameters: settings.parameters + [
          ("nthread", String(context.threadCount)), ("seed", String(context.seed % 1_000_000)),
        ])
      try booster.train(matrix, rounds: settings.rounds)
      bytes = try booster.save()
      trees = try TreePredictor(bytes, columnCount: rows.columnCount)
    } catch {
      // The parameters are ours and the labels finite: the library has nothing to refuse.
      preconditionFailure("XGBoost refused a training: \(error)")
    }
  }

  /// - Parameter bytes: as `bytes` was.
  /// - Throws: others, or those of rows of another width.
  init(bytes: [UInt8], columnCount: Int) throws(XGBoostError) {
    self.bytes = bytes
    trees = try TreePredictor(bytes, columnCount: columnCount)
  }

  /// - Parameter values: row after row, at least one.
  func predict(_ values: [Float]) -> [Double] {
    do {
      return try trees.predict(values).map { Double($0) }
    } catch {
      // The shapes were checked when the trees were made or read.
      preconditionFailure("XGBoost refused rows of its own shape: \(error)")
    }
  }

  /// What each column added to a row's prediction (SHAP values), and last what every row begins with.
  func contributions(_ row: [Float]) -> [Double] {
    do {
      return try TreeExplainer(bytes, columnCount: trees.columnCount).contributions(row)[0].map { Double($0) }
    } catch {
      preconditionFailure("XGBoost refused to explain: \(error)")
    }
  }
}
