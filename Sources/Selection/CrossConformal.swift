/// Estimates errors on cells whose group was not learned from: cross-conformal calibration (Vovk 2015), which spends no
/// measurement on calibration alone.
struct CrossConformal: Sendable {
  /// Cells that errors are estimated on; more only cost time.
  static let mostCells = 4000
  static let mostFolds = 5

  let learner: CostLearner
  /// Whole contexts are taken or left, so that the remaining ones look like the history.
  let sample: [Int]

  init(_ learner: CostLearner, mostCells: Int = CrossConformal.mostCells) {
    self.learner = learner
    let cells = learner.cells
    let stride = Int32((cells.count - 1) / mostCells + 1)
    sample = cells.cells.indices.filter { cells.cells[$0].context % stride == 0 }
  }

  /// What leaves the training together.
  enum Grouping: CaseIterable, Sendable {
    case context, hardware, model

    func group(_ cell: MeasuredCells.Cell) -> Int32 {
      switch self {
      case .context: cell.context
      case .hardware: cell.hardware
      case .model: cell.model
      }
    }
  }

  /// What was foreseen of each cell of the sample when its group was not in the training.
  struct Unseen: Sendable {
    var metric: CostMetric
    var places: [Int]
    var foreseen: [CostLearner.Foreseen]
    /// Of each cell.
    var groups: [Int32]
  }

  /// - Returns: nil with too few groups to say how wrong it was.
  func unseen(_ metric: CostMetric, by grouping: Grouping) -> Unseen? {
    unseen(metric, by: grouping.group, folds: Self.mostFolds, leastGroups: Calibration.leastGroups)
  }

  /// - Parameters:
  ///   - group: of a cell; cells of one group leave together.
  ///   - folds: at most; no more than there are groups.
  func unseen(
    _ metric: CostMetric, by group: (MeasuredCells.Cell) -> Int32, folds: Int, leastGroups: Int
  ) -> Unseen? {
    let costs = learner.cells.costs[metric.rawValue]
    let known = sample.filter { !costs[$0].level.isNaN || !costs[$0].ratio.isNaN }
    let groups = known.map { group(learner.cells.cells[$0]) }
    let distinct = Set(groups).sorted()
    guard distinct.count >= leastGroups else { return nil }
    let foldCount = min(folds, distinct.count)
    let fold = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0 % foldCount) })
    var foreseen = [CostLearner.Foreseen](repeating: CostLearner.Foreseen(level: 0, ratio: 0), count: known.count)
    for left in 0..<foldCount {
      let test = known.indices.filter { fold[groups[$0]] == left }
      let training = known.indices.filter { fold[groups[$0]] != left }.map { known[$0] }
      let answers = learner.foresee(metric, learner.learn(metric, training), test.map { known[$0] })
      for (index, answer) in zip(test, answers) { foreseen[index] = answer }
    }
    return Unseen(metric: metric, places: known, foreseen: foreseen, groups: groups)
  }

  /// How wrong it was; nil when nothing can be said of ratios or levels.
  func spread(_ unseen: Unseen) -> Spread {
    let costs = learner.cells.costs[unseen.metric.rawValue]
    var (levels, levelGroups): ([Double], [Int32]) = ([], [])
    var (ratios, ratioGroups): ([Double], [Int32]) = ([], [])
    var contexts: [Int32] = []
    for (index, place) in unseen.places.enumerated() {
      let (cost, foreseen) = (costs[place], unseen.foreseen[index])
      if learner.cells.cells[place].isBaseline {
        guard !cost.level.isNaN else { continue }
        levels.append(Double(cost.level) - foreseen.level)
        levelGroups.append(unseen.groups[index])
      } else if !cost.ratio.isNaN {
        ratios.append(Double(cost.ratio) - foreseen.ratio)
        ratioGroups.append(unseen.groups[index])
        contexts.append(learner.cells.cells[place].context)
      }
    }
    var spread = Spread(
      level: Calibration.deviation(levels, groups: levelGroups) ?? Calibration.unknownLevel,
      ratio: Calibration.deviation(ratios, groups: ratioGroups) ?? Calibration.unknownRatio, costFactor: 1,
      commonShare: Self.commonShare(ratios, contexts))
    spread.costFactor = costFactor(unseen, spread)
    return spread
  }

  /// The mean product of two errors of one context over the mean square (the intraclass correlation): what all
  /// candidates of a context are misjudged by together.
  private static func commonShare(_ errors: [Double], _ contexts: [Int32]) -> Double {
    var sums: [Int32: (sum: Double, squares: Double, count: Double)] = [:]
    for (error, context) in zip(errors, contexts) {
      let (sum, squares, count) = sums[context] ?? (0, 0, 0)
      sums[context] = (sum + error, squares + error * error, count + 1)
    }
    var (products, squares) = (0.0, 0.0)
    for (_, known) in sums.sorted(by: { $0.key < $1.key }) where known.count > 1 {
      products += (known.sum * known.sum - known.squares) / (known.count * (known.count - 1))
      squares += known.squares / known.count
    }
    return squares > 0 ? min(1, max(0, products / squares)) : 0
  }

  /// From whole costs over what they would be off by if errors of level and ratio were independent.
  private func costFactor(_ unseen: Unseen, _ spread: Spread) -> Double {
    let costs = learner.cells.costs[unseen.metric.rawValue]
    var (scores, groups): ([Double], [Int32]) = ([], [])
    for (index, place) in unseen.places.enumerated() where !costs[place].level.isNaN {
      let foreseen = unseen.foreseen[index]
      let isBaseline = learner.cells.cells[place].isBaseline
      let variance = spread.level * spread.level + (isBaseline ? 0 : spread.ratio * spread.ratio)
      scores.append((Double(costs[place].level) - foreseen.level - foreseen.ratio) / variance.squareRoot())
      groups.append(unseen.groups[index])
    }
    let least = Calibration.least / (spread.level * spread.level + spread.ratio * spread.ratio).squareRoot()
    return Calibration.size(scores, groups: groups).map { max(least, $0 / LogEstimate.quantile95) } ?? 1
  }

  /// For each context, how much more the candidate costs that would have been chosen there unseen than the best that
  /// was measured; a logarithm, at least 0.
  func regrets(_ unseen: Unseen) -> [Int32: Double] {
    let costs = learner.cells.costs[unseen.metric.rawValue]
    // The default is always a choice, at 0.
    var chosen: [Int32: (foreseen: Double, ratio: Double)] = [:]
    var best: [Int32: Double] = [:]
    for (index, place) in unseen.places.enumerated() where !learner.cells.cells[place].isBaseline {
      let context = learner.cells.cells[place].context
      let (foreseen, ratio) = (unseen.foreseen[index].ratio, Double(costs[place].ratio))
      guard !ratio.isNaN else { continue }
      if foreseen < (chosen[context]?.foreseen ?? 0) { chosen[context] = (foreseen, ratio) }
      best[context] = min(best[context] ?? 0, ratio)
    }
    return Dictionary(uniqueKeysWithValues: best.map { ($0, (chosen[$0]?.ratio ?? 0) - $1) })
  }
}
