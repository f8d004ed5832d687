/// A forest for each algorithm that predicts its loss (the regression selectors of LLAMA and auto-folio).
struct PerAlgorithmForest: TableSelector {
  let name = "per-algorithm-forest"
  let summary = "a random forest for each algorithm predicts its loss"

  var settings = ForestSettings(treeCount: 100, columnShare: 1.0 / 3, leastLeafRows: 2)

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let bins = BinnedMatrix(table.instances)
    let means = SingleBest.meanLosses(table)
    let count = table.algorithmCount
    let forests: [Forest?] = (0..<count).map { algorithm in
      let losses = (0..<table.instanceCount).map { table.loss($0, algorithm) }
      guard losses.contains(where: { !$0.isNaN }) else { return nil }
      return Forest(
        bins, targets: losses.map { $0.isNaN ? 0 : Float($0) }, outputCount: 1,
        weights: losses.map { $0.isNaN ? 0 : 1 },
        settings: settings, seed: context.part(algorithm).seed, threadCount: context.threadCount)
    }
    return Model(forests: forests, means: means)
  }

  private struct Model: TableModel {
    /// nil for an algorithm that was never tried.
    let forests: [Forest?]
    let means: [Double]

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      candidates.map { algorithm in forests[algorithm].map { Double($0.predict(instance)[0]) } ?? means[algorithm] }
    }
  }
}
