/// For each pair of algorithms a forest votes which of the two is better, trained with the difference in loss as the
/// weight of an instance (Xu, Hutter, Hoos, Leyton-Brown: SATzilla 2012). An algorithm's score is minus its votes.
struct PairwiseForest: TableSelector {
  let name = "pairwise-forest"
  let summary = "for each pair of algorithms a cost-sensitive forest votes for one"

  var settings = ForestSettings(treeCount: 60, columnShare: 0.2, leastLeafRows: 1)
  /// Trees of all pairs together: with many pairs each needs fewer, as the votes are summed. No pair has less than 20.
  var mostTrees = 3000
  /// More algorithms than this are cut to the first of the greedy portfolio: the number of pairs grows with the square.
  var mostAlgorithms = 32

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let means = SingleBest.meanLosses(table)
    let kept = GreedyPortfolio.order(table).prefix(mostAlgorithms).sorted()
    let bins = BinnedMatrix(table.instances)
    let pairs = kept.indices.flatMap { place in
      kept[(place + 1)...].map { (first: kept[place], second: $0) }
    }
    var settings = settings
    settings.treeCount = min(settings.treeCount, max(20, mostTrees / max(1, pairs.count)))
    let forestSettings = settings
    // Parallel over the pairs: each forest is small.
    let forests = ParallelLoop.map(count: pairs.count, threadCount: context.threadCount) { index in
      Self.forest(table, bins, pairs[index], forestSettings, context.part(index).seed)
    }
    let votes = zip(pairs, forests).compactMap { pair, forest in
      forest.map { Vote(first: pair.first, second: pair.second, forest: $0) }
    }
    return Model(votes: votes, means: means, worst: table.losses.filter { !$0.isNaN }.max() ?? 0)
  }

  private static func forest(
    _ table: SelectionTable, _ bins: BinnedMatrix, _ pair: (first: Int, second: Int), _ settings: ForestSettings,
    _ seed: UInt64
  ) -> Forest? {
    let differences = (0..<table.instanceCount).map {
      let difference = table.loss($0, pair.second) - table.loss($0, pair.first)
      return difference.isNaN ? 0 : Float(difference)
    }
    // Fewer than five differences teach nothing.
    guard differences.count(where: { $0 != 0 }) >= 5 else { return nil }
    let scale = differences.reduce(0) { $0 + abs($1) } / Float(differences.count)
    return Forest(
      bins, targets: differences.map { $0 > 0 ? 1 : -1 }, outputCount: 1, weights: differences.map { abs($0) / scale },
      settings: settings, seed: seed, threadCount: 1)
  }

  private struct Vote: Sendable {
    let first: Int
    let second: Int
    let forest: Forest
  }

  private struct Model: TableModel {
    let votes: [Vote]
    let means: [Double]
    let worst: Double

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      var scores: [Int: Double] = [:]
      // Means decide ties, and where no pair was ever tried together.
      for algorithm in candidates { scores[algorithm] = 1e-3 * means[algorithm] / max(abs(worst), 1e-9) }
      for vote in votes where scores[vote.first] != nil && scores[vote.second] != nil {
        let lead = Double(vote.forest.predict(instance)[0])
        scores[vote.first]! -= lead
        scores[vote.second]! += lead
      }
      return candidates.map { scores[$0]! }
    }
  }
}
