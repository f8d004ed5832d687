/// The algorithm with the lowest mean loss, always: what every selector has to beat.
struct SingleBest: TableSelector {
  let name = "single-best"
  let summary = "the algorithm with the lowest mean loss over all instances, always"

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    FixedScores(scores: Self.meanLosses(table))
  }

  /// Mean loss of each algorithm where it was tried, together with one pseudo-instance at the overall mean: an algorithm
  /// that was tried once and was lucky does not lead the list. Where all were tried on all instances, the order is that
  /// of the plain means.
  ///
  /// - Parameter ties: one for each algorithm, for those with the same mean; lower is better.
  static func meanLosses(_ table: SelectionTable, ties: [Double]? = nil) -> [Double] {
    var sums = [Double](repeating: 0, count: table.algorithmCount)
    var counts = [Double](repeating: 0, count: table.algorithmCount)
    for (cell, loss) in table.losses.enumerated() where !loss.isNaN {
      sums[cell % table.algorithmCount] += loss
      counts[cell % table.algorithmCount] += 1
    }
    let overall = sums.reduce(0, +) / max(1, counts.reduce(0, +))
    let means = zip(sums, counts).map { ($0 + overall) / ($1 + 1) }
    guard let ties else { return means }
    // Too little to turn an order: relative to the largest of either.
    let scale = 1e-9 * (means.map { abs($0) }.max() ?? 0) / max(ties.map { abs($0) }.max() ?? 0, .leastNormalMagnitude)
    return zip(means, ties).map { $0 + scale * $1 }
  }
}
