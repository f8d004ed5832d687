/// What each configuration and each round of a grid did to the logarithm of a block's time: a two-way layout fitted by
/// least squares.
///
/// A pair holds the noise of two blocks, and the default's noise is in all pairs of a round. All blocks of a round
/// together say better what the machine did to it: on a busy machine the error of a configuration's mean was a third
/// smaller. So the truth of a grid comes from here, while a planner sees pairs only.
struct RoundEffects {
  /// Each pass takes one kind of effect out of what the other left; connected rounds converge in a few.
  private static let passes = 200

  private let effects: [String: Double]
  /// Variance of what a mean block's noise leaves in an effect; nil when no block is one too many.
  let errorVariance: Double?

  init(_ rows: [GridRow], by figure: MeasuredGrid.Figure) {
    let blocks = rows.compactMap { row in
      row.logSecondsPerToken(figure).map { (fingerprint: row.fingerprint, round: [row.trial, row.round], value: $0) }
    }
    var effects: [String: Double] = [:]
    var rounds: [[Int]: Double] = [:]
    for _ in 0..<Self.passes {
      rounds = Dictionary(grouping: blocks, by: \.round).mapValues { own in
        own.reduce(0) { $0 + $1.value - (effects[$1.fingerprint] ?? 0) } / Double(own.count)
      }
      effects = Dictionary(grouping: blocks, by: \.fingerprint).mapValues { own in
        own.reduce(0) { $0 + $1.value - rounds[$1.round]! } / Double(own.count)
      }
    }
    self.effects = effects
    let squares = blocks.reduce(0) { sum, block in
      let noise = block.value - effects[block.fingerprint]! - rounds[block.round]!
      return sum + noise * noise
    }
    let degrees = blocks.count - effects.count - rounds.count + 1
    let blocksEach = Double(blocks.count) / Double(max(1, effects.count))
    errorVariance = degrees > 0 ? squares / Double(degrees) / blocksEach : nil
  }

  /// The logarithm of the speed-up; nil when either did not run.
  func gain(of fingerprint: String, over other: String) -> Double? {
    guard let own = effects[fingerprint], let others = effects[other] else { return nil }
    return others - own
  }
}
