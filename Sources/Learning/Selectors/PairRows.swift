/// One row for each pair of instance and algorithm: the features of both, what the algorithm is among the candidates,
/// and how it did elsewhere. A model over such rows knows algorithms by what they are, so it can choose one that was
/// never tried.
struct PairRows: Sendable {
  private static let partCount = 5

  private let algorithms: FeatureMatrix
  /// `sums[part][algorithm]`: sum of the losses in each part of the training, a fifth of the groups; `counts` likewise.
  private var sums: [[Double]]
  private var counts: [[Double]]
  private let overall: Double
  private let instanceColumns: Int
  /// Few algorithms get a column each; many are told apart by their features and their record.
  private let hasIdentities: Bool

  init(_ table: SelectionTable) {
    algorithms = table.algorithms
    instanceColumns = table.instances.columnCount
    hasIdentities = table.algorithmCount <= 40
    sums = Array(repeating: Array(repeating: 0, count: table.algorithmCount), count: Self.partCount)
    counts = sums
    var (total, number) = (0.0, 0.0)
    for (cell, loss) in table.losses.enumerated() where !loss.isNaN {
      let (instance, algorithm) = (cell / table.algorithmCount, cell % table.algorithmCount)
      sums[table.groups[instance] % Self.partCount][algorithm] += loss
      counts[table.groups[instance] % Self.partCount][algorithm] += 1
      total += loss
      number += 1
    }
    overall = total / max(1, number)
  }

  var columnCount: Int {
    instanceColumns + 2 * algorithms.columnCount + 1 + (hasIdentities ? algorithms.rowCount : 0)
  }

  /// - Parameter part: of the pair's instance in training. Its record comes from the other parts: one that contained the
  ///   pair's own loss, or lacked only that, would give the answer away.
  func row(_ instance: ArraySlice<Float>, _ algorithm: Int, among candidates: [Int], part: Int? = nil) -> [Float] {
    var row = Array(instance)
    row.reserveCapacity(columnCount)
    row += algorithms.row(algorithm)
    for column in 0..<algorithms.columnCount {
      let value = algorithms.values[algorithm * algorithms.columnCount + column]
      var (below, equal) = (0, 0)
      for other in candidates {
        let theirs = algorithms.values[other * algorithms.columnCount + column]
        if theirs < value { below += 1 } else if theirs == value { equal += 1 }
      }
      row.append(value.isNaN ? .nan : (Float(below) + Float(equal) / 2) / Float(max(1, candidates.count)))
    }
    var (sum, count) = (0.0, 0.0)
    for other in 0..<Self.partCount where other != part {
      sum += sums[other][algorithm]
      count += counts[other][algorithm]
    }
    row.append(Float((sum + overall) / (count + 1)))
    if hasIdentities { for other in 0..<algorithms.rowCount { row.append(other == algorithm ? 1 : 0) } }
    return row
  }

  /// The rows of all pairs that were tried, and their cells in the table.
  func training(_ table: SelectionTable) -> (matrix: FeatureMatrix, cells: [Int]) {
    var (values, cells): ([Float], [Int]) = ([], [])
    for instance in 0..<table.instanceCount {
      let candidates = table.candidates(of: instance)
      for algorithm in candidates {
        values += row(
          table.instances.row(instance), algorithm, among: candidates, part: table.groups[instance] % Self.partCount)
        cells.append(instance * table.algorithmCount + algorithm)
      }
    }
    let columns = (0..<columnCount).map(String.init)
    return (FeatureMatrix(columns: columns, values: values, rowCount: cells.count), cells)
  }
}
