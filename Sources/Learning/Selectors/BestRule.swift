/// The simple rule that does best in cross-validation on the training instances.
struct BestRule: TableSelector {
  let name = "best-rule"
  let summary = "the best of simple rules: by one instance column, or by one number of the algorithms"

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    Self.choose(table, context).train(on: table)
  }

  static func choose(_ table: SelectionTable, _ context: TrainingContext) -> SimpleRule {
    let rules = SimpleRule.all(for: table)
    let validation = CrossValidation(table, folds: 5, seed: context.seed)
    let losses = ParallelLoop.map(count: rules.count, threadCount: context.threadCount) { index in
      validation.meanLoss(validation.plans { training, _ in rules[index].train(on: training) })
    }
    return rules[losses.indices.min { losses[$0] < losses[$1] }!]
  }
}
