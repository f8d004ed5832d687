import XGBoost

/// Learns one metric from cells: how far to trust the roofline's ratios, trees for what they leave over, and trees for
/// the default's cost over the roofline's. The same for the model that serves and for each fold that errors are
/// estimated on.
struct CostLearner {
  /// XGBoost's usual parameters for small noisy tables, shallow and slow: with the defaults (depth 6, rate 0.3) a history
  /// of a few hundred rows is learned by heart.
  static let rounds = 100
  static let parameters: [(name: String, value: String)] = [
    ("objective", "reg:squarederror"), ("base_score", "0"), ("max_depth", "4"), ("eta", "0.1"), ("lambda", "1"),
    ("min_child_weight", "1.5"), ("subsample", "0.8"), ("colsample_bytree", "0.8"), ("seed", "1"), ("verbosity", "0"),
    // Most columns have a handful of values: 64 bins lose nothing against 256.
    ("tree_method", "hist"), ("max_bin", "64"),
  ]
  /// The roofline's ratios are trusted this much, as if it had been seen in this many rows, before any is.
  private static let trust = (prior: 0.7, rows: 2.0)

  let cells: MeasuredCells
  /// Threads for training; a child process may take all cores, a test takes one.
  let threadCount: Int

  /// What was learned; trees are nil without rows.
  struct Learned {
    var rooflineTrust: Double
    var levelTrees: [UInt8]?
    var ratioTrees: [UInt8]?
  }

  /// What is foreseen for one cell, as logarithms: the default's cost, and the cell's over it.
  struct Foreseen {
    var level: Double
    var ratio: Double
  }

  /// - Parameter places: of the cells to learn from.
  func learn(_ metric: CostMetric, _ places: [Int]) throws(XGBoostError) -> Learned {
    let costs = cells.costs[metric.rawValue]
    let paired = places.filter { !cells.cells[$0].isBaseline && !costs[$0].ratio.isNaN }
    let trust = rooflineTrust(paired.map { costs[$0] })
    var learned = Learned(rooflineTrust: trust)
    var ratios = Rows()
    for place in paired {
      let cost = costs[place]
      ratios.append(
        cells.row(place), target: Double(cost.ratio) - trust * Double(cost.rooflineRatio), weight: cost.ratioWeight)
    }
    learned.ratioTrees = try fit(ratios)

    var levels = Rows()
    for place in places where cells.cells[place].isBaseline && !costs[place].level.isNaN {
      levels.append(
        cells.baselineRow(place), target: Double(costs[place].level - costs[place].roofline),
        weight: costs[place].levelWeight)
    }
    let indirect = places.filter { costs[$0].isIndirect }
    let foreseen = try ratioCorrections(learned, indirect)
    for (place, correction) in zip(indirect, foreseen) {
      let cost = costs[place]
      levels.append(
        cells.baselineRow(place),
        target: Double(cost.level - cost.roofline) - trust * Double(cost.rooflineRatio) - correction,
        // Half: it comes through the ratio's own error.
        weight: cost.levelWeight / 2)
    }
    learned.levelTrees = try fit(levels)
    return learned
  }

  /// What the learned foresees for some cells, in their order.
  func foresee(_ metric: CostMetric, _ learned: Learned, _ places: [Int]) throws(XGBoostError) -> [Foreseen] {
    let costs = cells.costs[metric.rawValue]
    let levels = try predict(learned.levelTrees, places.flatMap { cells.baselineRow($0) }, count: places.count)
    let corrections = try ratioCorrections(learned, places)
    return places.indices.map { index in
      let cost = costs[places[index]]
      return Foreseen(
        level: Double(cost.roofline) + levels[index],
        ratio: cells.cells[places[index]].isBaseline
          ? 0 : learned.rooflineTrust * Double(cost.rooflineRatio) + corrections[index])
    }
  }

  private func ratioCorrections(_ learned: Learned, _ places: [Int]) throws(XGBoostError) -> [Double] {
    try predict(learned.ratioTrees, places.flatMap { cells.row($0) }, count: places.count)
  }

  /// Least squares through the origin, pulled to the prior.
  private func rooflineTrust(_ costs: [MeasuredCells.Costs]) -> Double {
    var products = Self.trust.prior * Self.trust.rows * TrainingSet.modelVariance
    var squares = Self.trust.rows * TrainingSet.modelVariance
    for cost in costs {
      let (weight, roofline) = (Double(cost.ratioWeight), Double(cost.rooflineRatio))
      products += weight * Double(cost.ratio) * roofline
      squares += weight * roofline * roofline
    }
    return min(1, max(0, products / squares))
  }

  // MARK: Trees

  private struct Rows {
    var values: [Float] = []
    var targets: [Float] = []
    var weights: [Float] = []

    mutating func append(_ row: ArraySlice<Float>, target: Double, weight: Float) {
      values += row
      targets.append(Float(target))
      weights.append(weight)
    }
  }

  private func fit(_ rows: Rows) throws(XGBoostError) -> [UInt8]? {
    guard !rows.targets.isEmpty else { return nil }
    let matrix = try DataMatrix(
      values: rows.values, columnCount: cells.columnCount, labels: rows.targets, weights: rows.weights)
    let booster = try Booster(training: matrix, parameters: Self.parameters + [("nthread", String(threadCount))])
    try booster.train(matrix, rounds: Self.rounds)
    return try booster.save()
  }

  private func predict(_ trees: [UInt8]?, _ values: [Float], count: Int) throws(XGBoostError) -> [Double] {
    guard let trees, count > 0 else { return [Double](repeating: 0, count: count) }
    return try TreePredictor(trees, columnCount: cells.columnCount).predict(values).map { Double($0) }
  }
}
