/// What the roofline answers alone where the model or the hardware is new: the floor under what is learned, as simple
/// rules are that of the selectors of tables.
///
/// Trees know models and machines by their numbers, and have seen few of either: what they make of a new one may be worse
/// than nothing. So training leaves models and kinds of machines out, chooses among what was measured there with what it
/// learned from the others and with the roofline, and goes by the roofline where that clearly chose better. Known models
/// on known hardware are not touched.
struct RooflineFloor: Codable, Equatable, Sendable {
  /// Whether the default's cost is the roofline's, moved by its mean error: choices between nodes go by it.
  var level: Bool
  /// Whether ratios are the roofline's: choices between configurations of one node go by them.
  var ratio: Bool

  static let none = RooflineFloor(level: false, ratio: false)

  /// The gain that is asked for, in its standard errors: nine times out of ten it is then no chance.
  private static let leastGain = 1.28
  /// Choices below which nothing is clear.
  private static let leastChoices = 5

  init(level: Bool, ratio: Bool) {
    self.level = level
    self.ratio = ratio
  }

  /// What did better on cells whose group was not learned from.
  init(_ unseen: CrossConformal.Unseen, _ cells: MeasuredCells) {
    self = .none
    // Ratios first: between nodes it is whole costs that compare, and they are part of those.
    let configurations = cells.configurationChoices(unseen.metric, among: unseen.places)
    ratio = RooflineFloor(level: false, ratio: true).isClearlyBetter(than: self, configurations, unseen)
    let nodes = cells.nodeChoices(unseen.metric, among: unseen.places, parts: unseen.folds)
    level = RooflineFloor(level: true, ratio: ratio).isClearlyBetter(than: self, nodes, unseen)
  }

  func foreseen(_ learned: CostLearner.Foreseen, _ roofline: CostLearner.Foreseen) -> CostLearner.Foreseen {
    CostLearner.Foreseen(
      level: level ? roofline.level : learned.level, ratio: ratio ? roofline.ratio : learned.ratio)
  }

  private func isClearlyBetter(
    than other: RooflineFloor, _ choices: [MeasuredChoice], _ unseen: CrossConformal.Unseen
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
    let costs = unseen.places.indices.map { index in
      let answer = foreseen(unseen.learned[index], unseen.roofline[index])
      return (unseen.places[index], answer.level + answer.ratio)
    }
    let cost = Dictionary(uniqueKeysWithValues: costs)
    return choices.map { $0.regret { cost[$0]! } }
  }
}
