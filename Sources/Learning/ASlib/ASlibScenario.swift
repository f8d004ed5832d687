import Foundation

/// An ASlib scenario as a table with its official folds.
public struct ASlibScenario: Sendable {
  public let name: String
  public let table: SelectionTable
  /// Repetition 1 of `cv.arff`.
  public let folds: Folds
  /// Instances that at least one algorithm solves; the others are not tested on.
  public let isSolvable: [Bool]

  /// Reads a scenario's folder: description.txt, algorithm_runs.arff, feature_values.arff, cv.arff, and, where there is
  /// one, feature_costs.arff. Features and their costs are those of the default steps. Repeated runs and features take
  /// the median.
  ///
  /// - Throws: a file that is missing, or not as the specification has it, with its line.
  public init(folder: String) throws(LearningError) {
    let description = try ScenarioDescription(path: folder + "/description.txt")
    name = description.name
    let folds = try Self.readFolds(folder)
    let names = folds.keys.sorted()
    let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    let runs = try AlgorithmRuns(
      ARFFFile(path: folder + "/algorithm_runs.arff"), description: description, instances: places)
    let features = try Self.readFeatures(folder, description, places)
    let kind: CostKind =
      description.isRunTime
      ? .runTime(cutoff: description.cutoffSeconds!) : description.isMaximized ? .highest : .lowest
    table = SelectionTable(
      instances: features, algorithms: .empty(rowCount: runs.algorithms.count), algorithmNames: runs.algorithms,
      kind: kind, costs: runs.costs, isCensored: runs.isCensored,
      featureCosts: description.isRunTime ? try Self.readFeatureCosts(folder, description, places) : nil)
    isSolvable = Self.isSolvable(table)
    self.folds = Folds(assignment: names.map { folds[$0]! }, count: (folds.values.max() ?? 0) + 1)
  }

  /// A scenario from elsewhere than a folder.
  ///
  /// - Parameter folds: one for each instance of the table.
  public init(name: String, table: SelectionTable, folds: Folds) {
    precondition(folds.assignment.count == table.instanceCount, "a fold for each instance")
    self.name = name
    self.table = table
    self.folds = folds
    isSolvable = Self.isSolvable(table)
  }

  private static func isSolvable(_ table: SelectionTable) -> [Bool] {
    let count = table.algorithmCount
    return (0..<table.instanceCount).map { instance in
      (0..<count).contains { !table.costs[instance * count + $0].isNaN && !table.isCensored[instance * count + $0] }
    }
  }

  /// Fold of each instance, numbered from 0.
  private static func readFolds(_ folder: String) throws(LearningError) -> [String: Int] {
    let file = try ARFFFile(path: folder + "/cv.arff")
    let (instance, repetition, fold) =
      (try file.column("instance_id"), try file.column("repetition"), try file.column("fold"))
    var folds: [String: Int] = [:]
    for row in file.rows where try file.number(row, repetition) == 1 {
      let number = try file.number(row, fold)
      guard let number = Int(exactly: number), (1...1000).contains(number) else {
        throw file.fault("fold `\(number)` is no number from 1 to 1000", row.line)
      }
      guard folds.updateValue(number - 1, forKey: try file.text(row, instance)) == nil else {
        throw file.fault("instance `\(try file.text(row, instance))` is in two folds", row.line)
      }
    }
    guard Set(folds.values).count >= 2 else { throw LearningError("fewer than two folds", file: file.path) }
    return folds
  }

  private static func readFeatures(
    _ folder: String, _ description: ScenarioDescription, _ places: [String: Int]
  ) throws(LearningError) -> FeatureMatrix {
    let file = try ARFFFile(path: folder + "/feature_values.arff")
    let instance = try file.column("instance_id")
    let wanted = Set(description.defaultSteps.flatMap { description.featureSteps[$0] ?? [] })
    let columns = file.attributes.indices.filter {
      let name = file.attributes[$0]
      guard !["instance_id", "repetition"].contains(name.lowercased()) else { return false }
      return wanted.isEmpty || wanted.contains(name)
    }
    var samples: [[[Double]]] = Array(repeating: [], count: places.count)
    for row in file.rows {
      guard let place = places[try file.text(row, instance)] else { continue }
      var values: [Double] = []
      for column in columns { values.append(try file.number(row, column)) }
      samples[place].append(values)
    }
    let values = samples.flatMap { rows in
      columns.indices.map { column in Float(median(rows.map { $0[column] }.filter { !$0.isNaN }) ?? .nan) }
    }
    return FeatureMatrix(columns: columns.map { file.attributes[$0] }, values: values, rowCount: places.count)
  }

  /// The sum over the default steps; a missing cost is none. Zero without a file.
  private static func readFeatureCosts(
    _ folder: String, _ description: ScenarioDescription, _ places: [String: Int]
  ) throws(LearningError) -> [Double] {
    var costs = [Double](repeating: 0, count: places.count)
    let path = folder + "/feature_costs.arff"
    guard FileManager.default.fileExists(atPath: path) else { return costs }
    let file = try ARFFFile(path: path)
    let instance = try file.column("instance_id")
    let steps = Set(description.defaultSteps)
    let columns = file.attributes.indices.filter { steps.contains(file.attributes[$0]) }
    var counts = [Double](repeating: 0, count: places.count)
    for row in file.rows {
      guard let place = places[try file.text(row, instance)] else { continue }
      counts[place] += 1
      for column in columns {
        let cost = try file.number(row, column)
        if cost > 0 { costs[place] += cost }
      }
    }
    for place in costs.indices where counts[place] > 1 { costs[place] /= counts[place] }
    return costs
  }

  static func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
