/// Trains on most groups of a table and tests on the others, in turn.
struct CrossValidation: Sendable {
  private let table: SelectionTable
  private let folds: Folds
  private let trainings: [SelectionTable]

  /// - Parameter folds: at most; no more than there are groups.
  init(_ table: SelectionTable, folds count: Int, seed: UInt64) {
    self.table = table
    let folds = Folds.grouped(table.groups, folds: min(count, Set(table.groups).count), seed: seed)
    self.folds = folds
    trainings = (0..<folds.count).map { folds.count > 1 ? table.selecting(instances: folds.training($0)) : table }
  }

  /// What models plan for instances they were not trained on; for those they were trained on with less than two groups.
  /// nil for an instance without candidates.
  ///
  /// - Parameter train: gives the model for a training table and the number of its fold.
  func plans(_ train: (SelectionTable, Int) -> any TableModel) -> [SelectionPlan?] {
    var plans = [SelectionPlan?](repeating: nil, count: table.instanceCount)
    for fold in 0..<folds.count {
      let model = train(trainings[fold], fold)
      for instance in folds.test(fold) {
        let candidates = table.candidates(of: instance)
        guard !candidates.isEmpty else { continue }
        plans[instance] = model.plan(for: table.instances.row(instance), among: candidates)
      }
    }
    return plans
  }

  func meanLoss(_ plans: [SelectionPlan?]) -> Double {
    var (sum, count) = (0.0, 0)
    for (instance, plan) in plans.enumerated() {
      guard let plan else { continue }
      sum += table.loss(of: plan, on: instance)
      count += 1
    }
    return count == 0 ? 0 : sum / Double(count)
  }
}
