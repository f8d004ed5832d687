/// A preference list in which every algorithm is the one that most lowers the mean loss of the best of those before it
/// and itself (greedy submodular cover; Xu, Hoos, Leyton-Brown: Hydra, 2010; Feurer and others: auto-sklearn 2.0, 2022).
///
/// As a selector it takes the first of the list that is a candidate. Its first is the single best.
struct GreedyPortfolio: TableSelector {
  let name = "portfolio"
  let summary = "first available of a list in which each algorithm covers what those before it do not"

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let order = Self.order(table)
    var places = [Double](repeating: 0, count: order.count)
    for (place, algorithm) in order.enumerated() { places[algorithm] = Double(place) }
    return FixedScores(scores: places)
  }

  /// All algorithms, the most useful first; those that add nothing follow by mean loss.
  static func order(_ table: SelectionTable) -> [Int] {
    let means = SingleBest.meanLosses(table)
    let worst = table.losses.filter { !$0.isNaN }.max() ?? 0
    var covered = [Double](repeating: worst, count: table.instanceCount)
    var open = Array(0..<table.algorithmCount).sorted { (means[$0], $0) < (means[$1], $1) }
    // The first by mean loss: coverage alone would prefer what was tried most often.
    var order: [Int] = []
    var next: Int? = open.first
    while let algorithm = next {
      order.append(algorithm)
      open.removeAll { $0 == algorithm }
      for instance in 0..<table.instanceCount {
        let loss = table.loss(instance, algorithm)
        if loss < covered[instance] { covered[instance] = loss }
      }
      let gains = open.map { algorithm in
        (0..<table.instanceCount).reduce(0.0) { sum, instance in
          let loss = table.loss(instance, algorithm)
          return loss < covered[instance] ? sum + covered[instance] - loss : sum
        }
      }
      next = gains.indices.max { (gains[$0], -Double($0)) < (gains[$1], -Double($1)) }.map { open[$0] }
    }
    return order
  }
}
