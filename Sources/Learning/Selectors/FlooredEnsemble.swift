/// The default: an ensemble of the strong selectors, with simple rules as a floor.
///
/// Where nearly every algorithm was tried on every instance, the members look at it in three ways that err differently:
/// each pair of algorithms on its own, the losses of all together, and the nearest instances. Where each instance saw a
/// few of many, models over pairs of instance and algorithm know more, one that sees all algorithms together knows
/// otherwise, and a simple rule steadies them. Which of the two a table is decides the members.
///
/// Cross-validation by group on the training instances then decides whether the ensemble is used at all. Where instances
/// come in groups it has to beat the best simple rule, or the single best, by more than its noise there, or the rule is
/// taken: a rule that does as well is the safer of the two on a model or a machine that nobody has measured. Where they
/// do not, what comes is like what was, and the better mean is the better bet.
struct FlooredEnsemble: TableSelector {
  let name = "ensemble"
  let summary = "the default: mean of the strong selectors; a simple rule unless they clearly did better in training"

  /// Share of the pairs that must have been tried for the members that look at all algorithms together.
  private static let leastFilledShare = 0.7
  /// The gain over the rule that is asked for where instances come in groups, in its standard errors: nine times out of
  /// ten it is then no chance.
  private static let leastGain = 1.28

  func train(on table: SelectionTable, _ context: TrainingContext) -> any TableModel {
    Self.validated(table, context).model
  }

  /// The model, and what it would have planned for each training instance had it not been trained on it; no plans with
  /// too few instances to tell.
  static func validated(
    _ table: SelectionTable, _ context: TrainingContext
  ) -> (model: any TableModel, plans: [SelectionPlan?]) {
    let ensemble = ensemble(for: table)
    guard let trial = trial(of: ensemble, on: table, context) else { return (ensemble.train(on: table, context), []) }
    let margin = hasGroups(table) ? leastGain * trial.gain.standardError : 0
    return trial.gain.mean > margin
      ? (ensemble.train(on: table, context), trial.learned) : (BestRule().train(on: table, context), trial.ruled)
  }

  /// What the ensemble and the best rule plan for instances of groups they were not trained on, and the ensemble's gain
  /// over the rule; nil with too few to tell.
  private static func trial(
    of ensemble: Ensemble, on table: SelectionTable, _ context: TrainingContext
  ) -> (learned: [SelectionPlan?], ruled: [SelectionPlan?], gain: PairedGain)? {
    let groupCount = Set(table.groups).count
    // A few groups differ much, and five folds leave out one or two at a time; single instances are alike.
    let foldCount = hasGroups(table) ? min(groupCount, 5) : 3
    guard table.instanceCount >= 2 * foldCount, groupCount >= 2 else { return nil }
    let validation = CrossValidation(table, folds: foldCount, seed: context.seed)
    let learned = validation.plans { training, fold in ensemble.train(on: training, context.part(fold)) }
    // The rule is chosen within each training part, as it would be for use.
    let ruled = validation.plans { training, fold in BestRule().train(on: training, context.part(fold)) }
    return (learned, ruled, PairedGain(of: learned, over: ruled, on: table))
  }

  private static func hasGroups(_ table: SelectionTable) -> Bool { Set(table.groups).count < table.instanceCount }

  private static func ensemble(for table: SelectionTable) -> Ensemble {
    let filled = table.losses.count { !$0.isNaN }
    let isNearlyComplete = Double(filled) >= leastFilledShare * Double(table.losses.count)
    return Ensemble(
      name: "members", summary: "",
      members: isNearlyComplete
        ? [PairwiseForest(), MultiOutputForest(), NearestInstances()]
        : [BestRule(), JointForest(), BoostedTrees(), MultiOutputForest()])
  }
}
