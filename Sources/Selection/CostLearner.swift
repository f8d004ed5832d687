import Learning

/// Learns one metric from cells: how far to trust the roofline's ratios, a regressor and pooled effects for what they
/// leave over, and a regressor for the default's cost over the roofline's. The same for the model that serves and for each
/// fold that errors are estimated on.
struct CostLearner: Sendable {
  /// The roofline's ratios are trusted this much, as if it had been seen in this many rows, before any is.
  private static let trust = (prior: 0.7, rows: 2.0)
  private static let context = TrainingContext(seed: 1)

  let cells: MeasuredCells
  var settings = BlendedRegressor.Settings()

  /// What was learned; a regressor is nil without rows.
  struct Learned: Sendable {
    var rooflineTrust: Double
    /// By how much costs lie above the roofline in the mean, as a logarithm.
    var levelOffset: Double
    var level: BlendedRegressor?
    var ratio: BlendedRegressor?
    /// `PooledEffects.fit`, by the numbers of `MeasuredCells.effectKeys`.
    var effects: [Float] = []
  }

  /// What of it foresees.
  enum Forecaster: String, Codable, CaseIterable, Sendable {
    /// The regressors, on top of the roofline's ratios as far as those are trusted.
    case trees
    /// Pooled effects, on top of the same; levels as the roofline's.
    case pooled
    /// The mean of both, which err differently; levels as the trees'.
    case blend
    /// The roofline's ratios alone, and its levels moved by their mean error.
    case roofline
  }

  /// What is foreseen for one cell, as logarithms: the default's cost, and the cell's over it.
  struct Foreseen: Sendable {
    var level: Double
    var ratio: Double
  }

  /// - Parameter places: of the cells to learn from.
  func learn(_ metric: CostMetric, _ places: [Int]) -> Learned {
    let costs = cells.costs[metric.rawValue]
    let indirect = places.filter { costs[$0].isIndirect }
    let differences =
      places.filter { !cells.cells[$0].isBaseline && !costs[$0].ratio.isNaN }.map { Difference($0, costs[$0]) }
      + differences(costs, indirect)
    let trust = rooflineTrust(differences)
    var learned = Learned(rooflineTrust: trust, levelOffset: levelOffset(costs, places))
    var ratios = RegressionRows(columnCount: cells.columnCount)
    for known in differences {
      ratios.append(cells.row(known.place), target: known.cost - trust * known.roofline, weight: Float(known.weight))
    }
    learned.ratio = fit(ratios)
    learned.effects = PooledEffects.fit(
      differences.map { known in
        PooledEffects.Row(
          effects: cells.effects(known.place), target: known.cost - trust * known.roofline, weight: known.weight)
      }, effectCount: cells.effectKeys.count)

    var levels = RegressionRows(columnCount: cells.columnCount)
    for place in places where cells.cells[place].isBaseline && !costs[place].level.isNaN {
      levels.append(
        cells.baselineRow(place), target: Double(costs[place].level - costs[place].roofline),
        weight: costs[place].levelWeight)
    }
    for (place, correction) in zip(indirect, ratioCorrections(learned, indirect)) {
      let cost = costs[place]
      levels.append(
        cells.baselineRow(place),
        target: Double(cost.level - cost.roofline) - trust * Double(cost.rooflineRatio) - correction,
        // Half: it comes through the ratio's own error.
        weight: cost.levelWeight / 2)
    }
    learned.level = fit(levels)
    return learned
  }

  /// What is foreseen for some cells, in their order.
  func foresee(
    _ metric: CostMetric, _ learned: Learned, _ places: [Int], by forecaster: Forecaster
  ) -> [Foreseen] {
    switch forecaster {
    case .trees: trees(metric, learned, places)
    case .pooled: pooled(metric, learned, places)
    case .blend:
      zip(trees(metric, learned, places), pooled(metric, learned, places)).map {
        Foreseen(level: $0.level, ratio: ($0.ratio + $1.ratio) / 2)
      }
    case .roofline: roofline(metric, learned, places)
    }
  }

  private func trees(_ metric: CostMetric, _ learned: Learned, _ places: [Int]) -> [Foreseen] {
    let costs = cells.costs[metric.rawValue]
    let levels = predict(learned.level, places.flatMap { cells.baselineRow($0) }, count: places.count)
    let corrections = ratioCorrections(learned, places)
    return places.indices.map { index in
      let cost = costs[places[index]]
      return Foreseen(
        level: Double(cost.roofline) + levels[index],
        ratio: cells.cells[places[index]].isBaseline
          ? 0 : learned.rooflineTrust * Double(cost.rooflineRatio) + corrections[index])
    }
  }

  private func pooled(_ metric: CostMetric, _ learned: Learned, _ places: [Int]) -> [Foreseen] {
    let costs = cells.costs[metric.rawValue]
    return zip(places, roofline(metric, learned, places)).map { place, roofline in
      guard !cells.cells[place].isBaseline else { return roofline }
      let effect = cells.effects(place).reduce(0) { $0 + Double(learned.effects[Int($1)]) }
      return Foreseen(
        level: roofline.level, ratio: learned.rooflineTrust * Double(costs[place].rooflineRatio) + effect)
    }
  }

  private func roofline(_ metric: CostMetric, _ learned: Learned, _ places: [Int]) -> [Foreseen] {
    let costs = cells.costs[metric.rawValue]
    return places.map {
      Foreseen(level: Double(costs[$0].roofline) + learned.levelOffset, ratio: Double(costs[$0].rooflineRatio))
    }
  }

  /// Of the defaults; where none was measured, of all.
  private func levelOffset(_ costs: [MeasuredCells.Costs], _ places: [Int]) -> Double {
    let known = places.filter { !costs[$0].level.isNaN }
    let defaults = known.filter { cells.cells[$0].isBaseline }
    var (sum, weight) = (0.0, 0.0)
    for place in defaults.isEmpty ? known : defaults {
      let cost = costs[place]
      sum += Double(cost.levelWeight) * Double(cost.level - cost.roofline - cost.rooflineRatio)
      weight += Double(cost.levelWeight)
    }
    return weight > 0 ? sum / weight : 0
  }

  private func ratioCorrections(_ learned: Learned, _ places: [Int]) -> [Double] {
    predict(learned.ratio, places.flatMap { cells.row($0) }, count: places.count)
  }

  /// What is known of a cell's ratio: by how much it and the roofline's lie above those of something else in its context,
  /// as logarithms.
  private struct Difference {
    var place: Int
    var cost: Double
    var roofline: Double
    var weight: Double

    init(place: Int, cost: Double, roofline: Double, weight: Double) {
      self.place = place
      self.cost = cost
      self.roofline = roofline
      self.weight = weight
    }

    /// To the default.
    init(_ place: Int, _ costs: MeasuredCells.Costs) {
      self.init(
        place: place, cost: Double(costs.ratio), roofline: Double(costs.rooflineRatio),
        weight: Double(costs.ratioWeight))
    }
  }

  /// Where the default was not measured (tables of others) the cells of a context still tell how they lie to each other:
  /// each is compared with their mean, which the roofline then has to know.
  private func differences(_ costs: [MeasuredCells.Costs], _ indirect: [Int]) -> [Difference] {
    // A context has a baseline row for each engine.
    let contexts = Dictionary(grouping: indirect) { cells.cells[$0].baselineRow }
    return contexts.sorted { $0.key < $1.key }.flatMap { _, places -> [Difference] in
      guard places.count > 1 else { return [] }
      let count = Double(places.count)
      let cost = places.reduce(0) { $0 + Double(costs[$1].level) } / count
      let roofline = places.reduce(0) { $0 + Double(costs[$1].rooflineRatio) } / count
      return places.map {
        Difference(
          place: $0, cost: Double(costs[$0].level) - cost, roofline: Double(costs[$0].rooflineRatio) - roofline,
          weight: Double(costs[$0].levelWeight))
      }
    }
  }

  /// Least squares through the origin, pulled to the prior.
  private func rooflineTrust(_ differences: [Difference]) -> Double {
    var products = Self.trust.prior * Self.trust.rows * TrainingSet.modelVariance
    var squares = Self.trust.rows * TrainingSet.modelVariance
    for known in differences {
      products += known.weight * known.cost * known.roofline
      squares += known.weight * known.roofline * known.roofline
    }
    return min(1, max(0, products / squares))
  }

  private func fit(_ rows: RegressionRows) -> BlendedRegressor? {
    rows.count == 0 ? nil : BlendedRegressor(training: rows, settings: settings, Self.context)
  }

  private func predict(_ regressor: BlendedRegressor?, _ values: [Float], count: Int) -> [Double] {
    guard let regressor, count > 0 else { return [Double](repeating: 0, count: count) }
    return regressor.predict(values)
  }
}
