/// One forest over pairs of instance and algorithm: knows algorithms by their features, so that it can judge one on
/// an instance where nothing like it was tried.
struct JointForest: TableSelector {
  let name = "joint-forest"
  let summary = "one forest over instance and algorithm features predicts the loss of a pair"

  var settings = ForestSettings(
    treeCount: 100, columnShare: 0.5, leastLeafRows: 2, isBootstrapped: false, hasRandomCuts: true)

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    let rows = PairRows(table)
    let (matrix, cells) = rows.training(table)
    let forest = Forest(
      BinnedMatrix(matrix), targets: cells.map { Float(table.losses[$0]) }, outputCount: 1, settings: settings,
      seed: context.seed, threadCount: context.threadCount)
    return Model(rows: rows, forest: forest)
  }

  private struct Model: TableModel {
    let rows: PairRows
    let forest: Forest

    func scores(of instance: ArraySlice<Float>, among candidates: [Int]) -> [Double] {
      candidates.map { Double(forest.predict(rows.row(instance, $0, among: candidates))[0]) }
    }
  }
}
