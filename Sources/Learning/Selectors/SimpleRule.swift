/// A rule a person would think of first. Learners must beat the best of them, or they have learned nothing new.
enum SimpleRule: Hashable, Sendable {
  /// The single best.
  case always
  /// The best algorithm for each level, or each quartile, of an instance column.
  case byInstance(column: Int)
  /// The algorithm with the lowest or highest value of one of its numbers, such as the fewest devices.
  case byAlgorithm(column: Int, isHighest: Bool)

  /// Every rule the columns of a table allow, the simplest first.
  static func all(for table: SelectionTable) -> [SimpleRule] {
    [.always] + (0..<table.instances.columnCount).map { .byInstance(column: $0) }
      + (0..<table.algorithms.columnCount).filter { !table.algorithms.isCategorical[$0] }.flatMap {
        [.byAlgorithm(column: $0, isHighest: false), .byAlgorithm(column: $0, isHighest: true)]
      }
  }

  func train(on table: SelectionTable) -> any TableModel {
    let means = SingleBest.meanLosses(table)
    switch self {
    case .always: return FixedScores(scores: means)
    case .byInstance(let column): return Buckets(table, column: column, means: means)
    case .byAlgorithm(let column, let isHighest):
      // By the number first, by the mean loss among equals; a missing number comes last.
      let numbers = (0..<table.algorithmCount).map { algorithm -> Float in
        let value = table.algorithms.values[algorithm * table.algorithms.columnCount + column]
        return value.isNaN ? .infinity : isHighest ? -value : value
      }
      let order = numbers.indices.sorted { (numbers[$0], means[$0], $0) < (numbers[$1], means[$1], $1) }
      var places = [Double](repeating: 0, count: order.count)
      for (place, algorithm) in order.enumerated() { places[algorithm] = Double(place) }
      return FixedScores(scores: places)
    }
  }

  /// Mean losses for each bucket of one instance column.
  private struct Buckets: TableModel {
    let column: Int
    /// Ascending upper bounds of the buckets of a numeric column with many values, otherwise empty.
    let bounds: [Float]
    let scores: [Float: [Double]]
    /// For a level that did not occur in training.
    let means: [Double]

    init(_ table: SelectionTable, column: Int, means: [Double]) {
      self.column = column
      self.means = means
      let values = (0..<table.instanceCount).map { table.instances.values[$0 * table.instances.columnCount + column] }
      let sorted = values.filter { !$0.isNaN }.sorted()
      let isWide = !table.instances.isCategorical[column] && Set(sorted).count > 4
      bounds = isWide ? (1...3).map { sorted[sorted.count * $0 / 4] } : []
      var members: [Float: [Int]] = [:]
      for (instance, value) in values.enumerated() where !value.isNaN {
        members[Self.bucket(value, bounds), default: []].append(instance)
      }
      scores = members.mapValues { SingleBest.meanLosses(table.selecting(instances: $0), ties: means) }
    }

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let value = instance[instance.startIndex + column]
      let known = value.isNaN ? means : scores[Self.bucket(value, bounds)] ?? means
      return candidates.map { known[$0] }
    }

    private static func bucket(_ value: Float, _ bounds: [Float]) -> Float {
      bounds.isEmpty ? value : Float(bounds.count { $0 < value })
    }
  }
}
