/// The default: an ensemble of the strong selectors, with simple rules as a floor.
///
/// Where nearly every algorithm was tried on every instance, the members look at it in three ways that err differently:
/// each pair of algorithms on its own, the losses of all together, and the nearest instances. Where each instance saw a
/// few of many, models over pairs of instance and algorithm know more, and one that sees all algorithms together knows
/// otherwise. Which of the two a table is decides the members. Cross-validation on the training instances then decides
/// whether the ensemble is used at all: a simple rule, or the single best, that does better there is taken instead.
struct FlooredEnsemble: TableSelector {
  let name = "ensemble"
  let summary = "the default: mean of the strong selectors; a simple rule where that did better in training"

  /// Share of the pairs that must have been tried for the members that look at all algorithms together.
  private static let leastFilledShare = 0.7
  private static let foldCount = 3

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    Self.validated(table, context).model
  }

  /// The model, and what it would have planned for each training instance had it not been trained on it; no plans with
  /// too few instances to tell.
  static func validated(
    _ table: SelectionTable, _ context: TrainingContext
  ) -> (model: any TableModel, plans: [SelectionPlan?]) {
    let ensemble = ensemble(for: table)
    guard table.instanceCount >= 2 * foldCount, Set(table.groups).count >= 2 else {
      return (ensemble.train(on: table, context), [])
    }
    let validation = CrossValidation(table, folds: foldCount, seed: context.seed)
    let learned = validation.plans { training, fold in ensemble.train(on: training, context.part(fold)) }
    // The rule is chosen within each training part, as it would be for use.
    let ruled = validation.plans { training, fold in BestRule().train(on: training, context.part(fold)) }
    return validation.meanLoss(ruled) < validation.meanLoss(learned)
      ? (BestRule().train(on: table, context), ruled) : (ensemble.train(on: table, context), learned)
  }

  private static func ensemble(for table: SelectionTable) -> Ensemble {
    let filled = table.losses.count { !$0.isNaN }
    let isNearlyComplete = Double(filled) >= leastFilledShare * Double(table.losses.count)
    return Ensemble(
      name: "members", summary: "",
      members: isNearlyComplete
        ? [PairwiseForest(), MultiOutputForest(), NearestInstances()]
        : [JointForest(), BoostedTrees(), MultiOutputForest()])
  }
}
