/// Estimates errors on cells whose group was not learned from: cross-conformal calibration (Vovk 2015), which spends no
/// measurement on calibration alone. The same cells show who foresees best where a model or hardware is new (`UnfamiliarAnswer`).
struct CrossConformal: Sendable {
  /// Cells that errors are estimated on; more only cost time.
  static let mostCells = 4000
  static let mostFolds = 5

  let learner: CostLearner
  /// Whole contexts are taken or left, so that the remaining ones look like the history.
  let sample: [Int]

  /// - Parameter places: of the cells that there are to it; nil for all.
  init(_ learner: CostLearner, among places: [Int]? = nil, mostCells: Int = CrossConformal.mostCells) {
    self.learner = learner
    let cells = learner.cells
    let places = places ?? Array(cells.cells.indices)
    let stride = Int32((places.count - 1) / mostCells + 1)
    sample = places.filter { cells.cells[$0].context % stride == 0 }
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
    /// With what was learned from the others, by each forecaster.
    var answers: [CostLearner.Forecaster: [CostLearner.Foreseen]]
    /// Of each cell.
    var groups: [Int32]
    /// Those of one fold were foreseen by one and the same learner.
    var folds: [Int]
    /// Who serves.
    var answer = UnfamiliarAnswer.trees

    /// What serves, for each cell.
    var foreseen: [CostLearner.Foreseen] { foreseen(answer) }

    func foreseen(_ answer: UnfamiliarAnswer) -> [CostLearner.Foreseen] {
      zip(answers[answer.level]!, answers[answer.ratio]!).map {
        CostLearner.Foreseen(level: $0.level, ratio: $1.ratio)
      }
    }
  }

  /// With who serves where the group is new; in new contexts of known models on known hardware trees do.
  ///
  /// - Returns: nil with too few groups to say how wrong it was.
  func unseen(_ metric: CostMetric, by grouping: Grouping) -> Unseen? {
    var unseen = unseen(metric, by: grouping.group, folds: Self.mostFolds, leastGroups: Calibration.leastGroups)
    if let found = unseen, grouping != .context { unseen?.answer = UnfamiliarAnswer(found, learner.cells) }
    return unseen
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
    let none = [CostLearner.Foreseen](repeating: CostLearner.Foreseen(level: 0, ratio: 0), count: known.count)
    let forecasters = CostLearner.Forecaster.allCases
    var unseen = Unseen(
      metric: metric, places: known, answers: Dictionary(uniqueKeysWithValues: forecasters.map { ($0, none) }),
      groups: groups, folds: groups.map { fold[$0]! })
    for left in 0..<foldCount {
      let test = known.indices.filter { fold[groups[$0]] == left }
      let learned = learner.learn(metric, known.indices.filter { fold[groups[$0]] != left }.map { known[$0] })
      let asked = test.map { known[$0] }
      for forecaster in forecasters {
        for (index, answer) in zip(test, learner.foresee(metric, learned, asked, by: forecaster)) {
          unseen.answers[forecaster]![index] = answer
        }
      }
    }
    return unseen
  }

  /// How wrong it was; nil when nothing can be said of ratios or levels.
  func spread(_ unseen: Unseen) -> Spread {
    let costs = learner.cells.costs[unseen.metric.rawValue]
    var (levels, levelGroups): ([Double], [Int32]) = ([], [])
    var (ratios, ratioGroups): ([Double], [Int32]) = ([], [])
    var contexts: [Int32] = []
    for (place, (foreseen, group)) in zip(unseen.places, zip(unseen.foreseen, unseen.groups)) {
      let cost = costs[place]
      if learner.cells.cells[place].isBaseline {
        guard !cost.level.isNaN else { continue }
        levels.append(Double(cost.level) - foreseen.level)
        levelGroups.append(group)
      } else if !cost.ratio.isNaN {
        ratios.append(Double(cost.ratio) - foreseen.ratio)
        ratioGroups.append(group)
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
    for (place, (foreseen, group)) in zip(unseen.places, zip(unseen.foreseen, unseen.groups))
    where !costs[place].level.isNaN {
      let isBaseline = learner.cells.cells[place].isBaseline
      let variance = spread.level * spread.level + (isBaseline ? 0 : spread.ratio * spread.ratio)
      scores.append((Double(costs[place].level) - foreseen.level - foreseen.ratio) / variance.squareRoot())
      groups.append(group)
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
    for (place, foreseen) in zip(unseen.places, unseen.foreseen) where !learner.cells.cells[place].isBaseline {
      let context = learner.cells.cells[place].context
      let ratio = Double(costs[place].ratio)
      guard !ratio.isNaN else { continue }
      if foreseen.ratio < (chosen[context]?.foreseen ?? 0) { chosen[context] = (foreseen.ratio, ratio) }
      best[context] = min(best[context] ?? 0, ratio)
    }
    return Dictionary(uniqueKeysWithValues: best.map { ($0, (chosen[$0]?.ratio ?? 0) - $1) })
  }
}
