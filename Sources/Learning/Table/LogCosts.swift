import Foundation

extension SelectionTable {
  /// Costs on a scale where learning is easy, lower is better, NaN when never tried. Indexed as `costs`.
  ///
  /// Run times: log10 of the seconds, from a tenth of a second up (differences below matter to nobody), the cutoff for
  /// a run that did not finish. Ratios: natural logarithm, three e-folds above the worst of the instance for a failure.
  /// Others: the loss itself.
  public var logCosts: [Double] {
    switch kind {
    case .runTime(let cutoff, _):
      return zip(costs, isCensored).map { cost, isCensored in
        cost.isNaN ? .nan : log10(max(isCensored ? cutoff : min(cost, cutoff), 0.1))
      }
    case .ratioToBest(let isHigherBetter):
      let sign: Double = isHigherBetter ? -1 : 1
      var logs = zip(costs, isCensored).map { $0.isNaN || $1 ? Double.nan : sign * log($0) }
      for instance in 0..<instanceCount {
        let cells = instance * algorithmCount..<(instance + 1) * algorithmCount
        let worst = cells.map { logs[$0] }.filter { !$0.isNaN }.max() ?? 0
        for cell in cells where isCensored[cell] && !costs[cell].isNaN { logs[cell] = worst + 3 }
      }
      return logs
    case .lowest, .highest:
      return losses
    }
  }

  /// For each of some cells, all of its instance: by how much its log cost is above the mean of the instance. What the
  /// instance itself costs is of no use to a choice.
  func relativeLogCosts(_ cells: [Int]) -> [Double] {
    let logs = logCosts
    var (sums, counts) = ([Double](repeating: 0, count: instanceCount), [Double](repeating: 0, count: instanceCount))
    for cell in cells {
      sums[cell / algorithmCount] += logs[cell]
      counts[cell / algorithmCount] += 1
    }
    return cells.map { cell in
      // A failure is worse than any cost by as much as its penalty says.
      let penalty: Double = if case .runTime(_, let penalty) = kind, isCensored[cell] { penalty / 10 } else { 0 }
      return logs[cell] + penalty - sums[cell / algorithmCount] / counts[cell / algorithmCount]
    }
  }

  /// `values` (indexed as `costs`) without holes: a pair that was never tried gets what an additive model expects, the
  /// mean of the instance plus the mean deviation of the algorithm.
  func completed(_ values: [Double]) -> [Double] {
    guard values.contains(where: \.isNaN) else { return values }
    var deviations = [Double](repeating: 0, count: algorithmCount)
    var counts = [Double](repeating: 0, count: algorithmCount)
    var means = [Double](repeating: 0, count: instanceCount)
    for instance in 0..<instanceCount {
      let known = (0..<algorithmCount).filter { !values[instance * algorithmCount + $0].isNaN }
      guard !known.isEmpty else { continue }
      means[instance] = known.reduce(0) { $0 + values[instance * algorithmCount + $1] } / Double(known.count)
      for algorithm in known {
        deviations[algorithm] += values[instance * algorithmCount + algorithm] - means[instance]
        counts[algorithm] += 1
      }
    }
    // One pseudo-observation of no deviation: an algorithm seen once is not trusted.
    for algorithm in 0..<algorithmCount { deviations[algorithm] /= counts[algorithm] + 1 }
    return values.enumerated().map { cell, value in
      value.isNaN ? means[cell / algorithmCount] + deviations[cell % algorithmCount] : value
    }
  }
}
