import Foundation
import Learning

/// What a plain learner would foresee a cost to be, as a logarithm: beside choices by the selector of the same kind.
enum PlainForecast {
  /// The median of what was chosen where the same would have been chosen: of a single best its median, of a rule by a
  /// column that of the level.
  case medianOfChosen
  /// Mean of the nearest instances that tried the algorithm, by the ranks of their features.
  case nearest
  /// A forest over the features of instance and algorithm.
  case forest

  private static let neighbourCount = 5
  private static let forestSettings = BlendedRegressor.Settings(members: [.forest])

  /// Foresees the log cost of algorithms on an instance.
  typealias Foresee = (_ instance: ArraySlice<Float>, _ algorithm: Int) -> Double

  /// - Parameters:
  ///   - table: to learn from; costs are positive.
  ///   - model: what chooses, trained on the same.
  func trained(on table: SelectionTable, _ model: any TableModel) -> Foresee {
    let all = (0..<table.instanceCount).flatMap { instance in
      table.candidates(of: instance).map { (instance: instance, algorithm: $0) }
    }
    func logCost(_ instance: Int, _ algorithm: Int) -> Double {
      log(table.costs[instance * table.algorithmCount + algorithm])
    }
    let overall = Self.median(all.map { logCost($0.instance, $0.algorithm) })
    switch self {
    case .medianOfChosen:
      var chosen: [Int: [Double]] = [:]
      for instance in 0..<table.instanceCount {
        let choice = model.plan(for: table.instances.row(instance), among: table.candidates(of: instance)).choice
        chosen[choice, default: []].append(logCost(instance, choice))
      }
      let tried = Dictionary(grouping: all, by: \.algorithm).mapValues { pairs in
        Self.median(pairs.map { logCost($0.instance, $0.algorithm) })
      }
      let medians = tried.merging(chosen.mapValues(Self.median)) { $1 }
      return { _, algorithm in medians[algorithm] ?? overall }
    case .nearest:
      let ranks = RankedFeatures(table.instances)
      let places = ranks.places(table.instances)
      let tried = Dictionary(grouping: all, by: \.algorithm).mapValues { $0.map(\.instance) }
      return { row, algorithm in
        guard let instances = tried[algorithm] else { return overall }
        let place = ranks.place(row)
        let near = instances.map { (RankedFeatures.squaredDistance(place, places[$0]), $0) }
          .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(Self.neighbourCount)
        return near.reduce(0) { $0 + logCost($1.1, algorithm) } / Double(near.count)
      }
    case .forest:
      var rows = RegressionRows(columnCount: table.instances.columnCount + table.algorithms.columnCount)
      for (instance, algorithm) in all {
        rows.append(
          table.instances.row(instance) + table.algorithms.row(algorithm), target: logCost(instance, algorithm))
      }
      let forest = BlendedRegressor(training: rows, settings: Self.forestSettings, TrainingContext(seed: 1))
      return { row, algorithm in forest.predict(Array(row + table.algorithms.row(algorithm)))[0] }
    }
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
