import Glibc
public import Serving
public import XGBoost

/// What measurements say over the cost model: trees on the logarithm of measured over foreseen.
///
/// Two parts, as they have different uses: by how much all plans of a problem are off, which changes no choice, and by how
/// much each plan is off more than the others of its problem.
public struct PlacementResidual: Sendable {
  /// Fewer problems than this teach nothing: the cost model stays alone.
  public static let leastProblems = 20

  /// Shallow and slow, as for any small noisy table.
  private static let parameters: [(name: String, value: String)] = [
    ("objective", "reg:squarederror"), ("base_score", "0"), ("max_depth", "5"), ("eta", "0.05"), ("lambda", "2"),
    ("min_child_weight", "5"), ("subsample", "0.7"), ("colsample_bytree", "0.6"), ("seed", "1"), ("verbosity", "0"),
    ("tree_method", "hist"), ("max_bin", "128"), ("nthread", "1"),
  ]
  private static let rounds = 300

  private let levels: TreePredictor
  private let ratios: TreePredictor
  public let problemCount: Int
  /// Standard deviation of what is left of the logarithm within a problem, on problems left out of the training.
  public let spread: Double

  /// - Returns: nil while the history is too small. Trials of another encoder are left out.
  /// - Throws: what the library refuses.
  public static func learned(from trials: [PlacementTrial]) throws(XGBoostError) -> PlacementResidual? {
    let usable = trials.filter(\.isUsable)
    let problems = Array(Set(usable.map(\.problem))).sorted()
    guard problems.count >= leastProblems else { return nil }
    // Every fifth problem is held out once, to say how far to trust the trees; then all are learned.
    let heldOut = Set(problems.enumerated().filter { $0.offset % 5 == 0 }.map(\.element))
    let part = try PlacementResidual(usable.filter { !heldOut.contains($0.problem) }, spread: 0)
    let spread = try part.error(on: usable.filter { heldOut.contains($0.problem) })
    return try PlacementResidual(usable, spread: spread)
  }

  private init(_ trials: [PlacementTrial], spread: Double) throws(XGBoostError) {
    let means = Self.meanLogs(trials)
    let values = trials.flatMap(\.features)
    func trees(_ labels: [Float]) throws(XGBoostError) -> TreePredictor {
      let matrix = try DataMatrix(values: values, columnCount: PlanFeatures.names.count, labels: labels)
      let booster = try Booster(training: matrix, parameters: Self.parameters)
      try booster.train(matrix, rounds: Self.rounds)
      return try TreePredictor(booster.save(), columnCount: PlanFeatures.names.count)
    }
    levels = try trees(trials.map { Float(means[$0.problem]!) })
    ratios = try trees(trials.map { Float(Self.log($0) - means[$0.problem]!) })
    problemCount = means.count
    self.spread = spread
  }

  /// Logarithm of measured over analytic seconds that is expected for each plan of one problem.
  public func logRatios(_ plans: [PlanFeatures]) throws(XGBoostError) -> [Double] {
    guard !plans.isEmpty else { return [] }
    let values = plans.flatMap(\.values)
    let level = try levels.predict(values).reduce(0) { $0 + Double($1) } / Double(plans.count)
    return try ratios.predict(values).map { level + Double($0) }
  }

  private static func log(_ trial: PlacementTrial) -> Double {
    Glibc.log(trial.measuredSeconds / trial.analyticSeconds)
  }

  private static func meanLogs(_ trials: [PlacementTrial]) -> [String: Double] {
    Dictionary(grouping: trials, by: \.problem).mapValues { rows in
      rows.reduce(0) { $0 + log($1) } / Double(rows.count)
    }
  }

  private func error(on trials: [PlacementTrial]) throws(XGBoostError) -> Double {
    let means = Self.meanLogs(trials)
    let foreseen = try ratios.predict(trials.flatMap(\.features))
    let squares = zip(trials, foreseen).map { trial, ratio in
      let error = Self.log(trial) - means[trial.problem]! - Double(ratio)
      return error * error
    }
    return sqrt(squares.reduce(0, +) / Double(max(1, squares.count)))
  }
}
