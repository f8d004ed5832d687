/// A few configurations that together are good everywhere: what to fall back on when a context is new.
///
/// Greedy: each next one is that which lowers the mean cost of the best member most. The gain is submodular, so greedy
/// reaches at least 63% of what the best portfolio of the size would (auto-sklearn 2.0, JMLR 2022, builds its
/// meta-feature-free portfolio so).
public enum Portfolio {
  /// - Parameters:
  ///   - costs: `costs[context][configuration]`, the logarithm of cost over the default's; nil where not measured, which
  ///     counts as the default's, 0.
  ///   - size: most members.
  /// - Returns: configurations, the best single one first; shorter than `size` when no other one gains anything.
  public static func greedy(_ costs: [[Double?]], size: Int) -> [Int] {
    guard let count = costs.first?.count else { return [] }
    precondition(
      costs.allSatisfy { $0.count == count }, "every context has a place for each configuration")
    // The default is always there.
    var best = [Double](repeating: 0, count: costs.count)
    var members: [Int] = []
    while members.count < size {
      var choice: (configuration: Int, gain: Double)?
      for configuration in 0..<count where !members.contains(configuration) {
        var gain = 0.0
        for (context, row) in costs.enumerated() {
          if let cost = row[configuration] { gain += max(0, best[context] - cost) }
        }
        if gain > (choice?.gain ?? 0) { choice = (configuration, gain) }
      }
      guard let chosen = choice?.configuration else { break }
      members.append(chosen)
      for (context, row) in costs.enumerated() {
        if let cost = row[chosen] { best[context] = min(best[context], cost) }
      }
    }
    return members
  }

  /// The configuration with the lowest mean, measured where it was measured; nil when none is below the default.
  public static func singleBest(_ costs: [[Double?]]) -> Int? {
    guard let count = costs.first?.count else { return nil }
    let means = (0..<count).map { configuration in
      costs.reduce(0) { $0 + ($1[configuration] ?? 0) } / Double(costs.count)
    }
    guard let best = means.indices.min(by: { means[$0] < means[$1] }), means[best] < 0 else {
      return nil
    }
    return best
  }
}
