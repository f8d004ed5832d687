/// Who answers where the model or the hardware is new: the trees, effects pooled over what was measured, the mean of both,
/// or the roofline alone. A floor under what is learned, as simple rules are that of the selectors of tables.
///
/// Trees know models and machines by their numbers, and have seen few of either: what they make of a new one may be worse
/// than nothing. So training leaves models and kinds of machines out, chooses among what was measured there as each
/// forecaster says that learned from the others, and goes by another one than the trees where that clearly chose better.
/// With too few of either to leave any out, trees cannot have learned what their numbers mean: of a new model pooled effects
/// answer; on new hardware the mean of both, as trees know the model there.
/// Known models on known hardware are not touched.
struct UnfamiliarAnswer: Codable, Equatable, Sendable {
  /// Of the default's cost: choices between nodes go by it.
  var level: CostLearner.Forecaster
  /// Of ratios: choices between configurations of one node go by them.
  var ratio: CostLearner.Forecaster

  static let trees = UnfamiliarAnswer(level: .trees, ratio: .trees)
  /// With too few groups to find out.
  static let untestedModel = UnfamiliarAnswer(level: .trees, ratio: .pooled)
  static let untestedHardware = UnfamiliarAnswer(level: .trees, ratio: .blend)

  /// The gain that is asked for, in its standard errors: nine times out of ten it is then no chance.
  private static let leastGain = 1.28
  /// Choices below which nothing is clear.
  private static let leastChoices = 5

  init(level: CostLearner.Forecaster, ratio: CostLearner.Forecaster) {
    self.level = level
    self.ratio = ratio
  }

  /// Who did better on cells whose group was not learned from.
  init(_ unseen: CrossConformal.Unseen, _ cells: MeasuredCells) {
    self = .trees
    // Ratios first: between nodes it is whole costs that compare, and they are part of those.
    let configurations = cells.configurationChoices(unseen.metric, among: unseen.places)
    for ratio in [CostLearner.Forecaster.blend, .pooled, .roofline] {
      let other = UnfamiliarAnswer(level: level, ratio: ratio)
      if other.isClearlyBetter(than: self, configurations, unseen) { self = other }
    }
    let nodes = cells.nodeChoices(unseen.metric, among: unseen.places, parts: unseen.folds)
    let other = UnfamiliarAnswer(level: .roofline, ratio: ratio)
    if other.isClearlyBetter(than: self, nodes, unseen) { self = other }
  }

  private func isClearlyBetter(
    than other: UnfamiliarAnswer, _ choices: [MeasuredChoice], _ unseen: CrossConformal.Unseen
  ) -> Bool {
    guard choices.count >= Self.leastChoices else { return false }
    let (own, others) = (regrets(choices, unseen), other.regrets(choices, unseen))
    let gains = zip(own, others).map { $1 - $0 }
    let count = Double(gains.count)
    let mean = gains.reduce(0, +) / count
    let squares = gains.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return mean > 0 && mean > Self.leastGain * (squares / (count - 1) / count).squareRoot()
  }

  private func regrets(_ choices: [MeasuredChoice], _ unseen: CrossConformal.Unseen) -> [Double] {
    let foreseen = unseen.foreseen(self)
    let cost = Dictionary(
      uniqueKeysWithValues: zip(unseen.places, foreseen).map { ($0, $1.level + $1.ratio) })
    return choices.map { $0.regret { cost[$0]! } }
  }
}
