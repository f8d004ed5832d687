import XGBoost

/// Rows for one forest: `values` row after row, and for each row a target, a weight and the groups it belongs to.
struct ForestRows: Sendable {
  var values: [Float] = []
  var targets: [Float] = []
  var weights: [Float] = []
  /// Context of each row: rows of one context are never on both sides of a split.
  var contexts: [Int] = []
  /// Model on hardware of each row.
  var pairs: [Int] = []

  var count: Int { targets.count }

  mutating func append(
    _ row: ArraySlice<Float>, target: Double, weight: Double, context: Int, pair: Int
  ) {
    values += row
    targets.append(Float(target))
    weights.append(Float(weight))
    contexts.append(context)
    pairs.append(pair)
  }

  func subset(_ isKept: (Int) -> Bool, columnCount: Int) -> ForestRows {
    var kept = ForestRows()
    for row in 0..<count where isKept(row) {
      kept.append(
        values[row * columnCount..<(row + 1) * columnCount], target: Double(targets[row]),
        weight: Double(weights[row]), context: contexts[row], pair: pairs[row])
    }
    return kept
  }
}

/// Fits forests. The parameters are XGBoost's usual ones for small noisy tables, shallow and slow: with the defaults
/// (depth 6, rate 0.3) a history of a few hundred rows is learned by heart.
struct TreeTraining {
  static let rounds = 100
  static let parameters: [(name: String, value: String)] = [
    ("objective", "reg:squarederror"), ("base_score", "0"), ("max_depth", "4"), ("eta", "0.1"), ("lambda", "1"),
    ("min_child_weight", "1.5"), ("subsample", "0.8"), ("colsample_bytree", "0.8"), ("seed", "1"), ("verbosity", "0"),
    // Most columns have a handful of values: 64 bins lose nothing against 256.
    ("tree_method", "hist"), ("max_bin", "64"),
  ]

  let columnCount: Int
  /// Threads for training; a child process may take all cores, a test takes one.
  let threadCount: Int

  /// Trees as bytes; nil without rows.
  func fit(_ rows: ForestRows) throws(XGBoostError) -> [UInt8]? {
    guard rows.count > 0 else { return nil }
    let matrix = try DataMatrix(
      values: rows.values, columnCount: columnCount, labels: rows.targets, weights: rows.weights)
    let booster = try Booster(
      training: matrix,
      parameters: Self.parameters + [("nthread", String(threadCount))])
    try booster.train(matrix, rounds: Self.rounds)
    return try booster.save()
  }

  func predict(_ trees: [UInt8]?, _ values: [Float]) throws(XGBoostError) -> [Double] {
    guard !values.isEmpty else { return [] }
    guard let trees else { return [Double](repeating: 0, count: values.count / columnCount) }
    return try TreePredictor(trees, columnCount: columnCount).predict(values).map { Double($0) }
  }

  /// What each row is predicted to be when its group was not in the training: the honest answer.
  ///
  /// - Parameter groups: of each row; rows of one group leave together.
  /// - Returns: in the order of the rows; nil with fewer than `leastGroups` groups.
  func outOfFoldPredictions(_ rows: ForestRows, groups: [Int], leastGroups: Int) throws(XGBoostError) -> [Double]? {
    let distinct = Set(groups).sorted()
    guard distinct.count >= leastGroups else { return nil }
    let foldCount = min(5, distinct.count)
    let fold = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0 % foldCount) })
    var predictions = [Double](repeating: 0, count: rows.count)
    for left in 0..<foldCount {
      let training = rows.subset({ fold[groups[$0]] != left }, columnCount: columnCount)
      let places = (0..<rows.count).filter { fold[groups[$0]] == left }
      let test = rows.subset({ fold[groups[$0]] == left }, columnCount: columnCount)
      for (place, prediction) in zip(places, try predict(fit(training), test.values)) {
        predictions[place] = prediction
      }
    }
    return predictions
  }
}
