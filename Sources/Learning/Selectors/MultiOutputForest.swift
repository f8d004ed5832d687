/// One forest that predicts the losses of all algorithms together: an instance is like those that the same algorithms
/// are good at.
struct MultiOutputForest: TableSelector {
  let name = "multi-output-forest"
  let summary = "one random forest predicts the losses of all algorithms together"

  var settings = ForestSettings(treeCount: 100, columnShare: 1.0 / 3, leastLeafRows: 1)

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let forest = Forest(
      BinnedMatrix(table.instances), targets: table.completed(table.losses).map { Float($0) },
      outputCount: table.algorithmCount, settings: settings, seed: context.seed, threadCount: context.threadCount)
    return Model(forest: forest)
  }

  private struct Model: TableModel {
    let forest: Forest

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      let losses = forest.predict(instance)
      return candidates.map { Double(losses[$0]) }
    }
  }
}
