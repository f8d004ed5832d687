import Foundation

/// Thompson sampling as `LinearThompsonSampling`, but a run that was cut off counts as what it would have cost if it had
/// gone on, as far as the others tell (`BuckleyJames`), and not as the cutoff.
///
/// What was put in its place is thought over whenever an arm has seen a good deal more: then all of the arm is regressed
/// again, as often as it takes for both to agree. Where only ratios count there is no cutoff that a cost would be above:
/// a failure counts there as it does without.
public struct ImputedThompsonSampling: ContextualBandit {
  public static let kind = BanditKind(
    name: "imputed-thompson",
    summary: "the same with what was cut off imputed (Buckley and James)", readsFeatures: true
  ) { armCount, cost, seed in ImputedThompsonSampling(armCount: armCount, cost: cost, seed: seed) }

  /// An arm is regressed again when what it has seen has grown by this share.
  private static let growth = 0.2
  /// Rounds of imputing and regressing; they need not converge and may go round in circles (Buckley and James, 1979).
  private static let mostRounds = 4
  /// Largest move of an imputed logarithm that still counts as agreement.
  private static let agreement = 1e-3

  private let cost: BanditCost
  private var random: RandomSource
  private var arms: [Arm]
  private var features = UnitFeatures()
  private var highestLog = -Double.infinity

  public init(armCount: Int, cost: BanditCost, seed: UInt64) {
    self.cost = cost
    random = RandomSource(seed: seed, stream: 0xB1A5)
    arms = Array(repeating: Arm(), count: armCount)
  }

  public mutating func choose(for context: [Float], among candidates: [Int]) -> Int {
    let features = features(context)
    var best: (arm: Int, score: Double)?
    for arm in candidates {
      let score =
        arms[arm].model?.drawnLog(features, cost, sigma: LinearThompsonSampling.sigma, &random) ?? -.infinity
      if score < best?.score ?? .infinity || best == nil { best = (arm, score) }
    }
    return best!.arm
  }

  public mutating func learn(_ outcome: BanditOutcome, of arm: Int, in context: [Float]) {
    features.learn(context)
    var (log, isCensored) = (0.0, false)
    switch (outcome, cost) {
    case (.finished(let cost), _):
      log = Foundation.log(max(cost, 1e-4))
      highestLog = max(highestLog, log)
    case (.failed, .runTime(let cutoff, _)): (log, isCensored) = (Foundation.log(cutoff), true)
    case (.failed, .ratio(let penalty)): log = (highestLog.isFinite ? highestLog : 0) + Foundation.log(penalty)
    }
    arms[arm].learn(features(context), log, isCensored: isCensored)
  }

  /// What was seen of one arm, and the regression of it.
  private struct Arm: Sendable {
    private var seen: [(features: [Double], log: Double, isCensored: Bool)] = []
    private var fittedCount = 0
    private(set) var model: BayesianLinearModel?

    mutating func learn(_ features: [Double], _ log: Double, isCensored: Bool) {
      seen.append((features, log, isCensored))
      if Double(seen.count) >= Double(fittedCount) * (1 + growth), seen.contains(where: \.isCensored) {
        fit()
      } else {
        var model = self.model ?? Self.empty(features.count)
        let observations = isCensored ? observations(model) : []
        model.update(features, isCensored ? BuckleyJames(observations).value(observations.last!) : log)
        self.model = model
      }
    }

    private mutating func fit() {
      fittedCount = seen.count
      // What was cut off starts as the cutoff, so that the first arms of a stream are those of the plain regression.
      var targets = seen.map(\.log)
      for round in 0... {
        let fitted = zip(seen, targets).reduce(into: Self.empty(seen[0].features.count)) { model, row in
          model.update(row.0.features, row.1)
        }
        model = fitted
        guard round < mostRounds else { return }
        let observations = observations(fitted)
        let imputing = BuckleyJames(observations)
        let next = observations.map(imputing.value)
        if zip(next, targets).allSatisfy({ abs($0 - $1) < agreement }) { return }
        targets = next
      }
    }

    private func observations(_ model: BayesianLinearModel) -> [BuckleyJames.Observation] {
      seen.map {
        BuckleyJames.Observation(foreseen: model.predict($0.features).mean, seen: $0.log, isCensored: $0.isCensored)
      }
    }

    private static func empty(_ width: Int) -> BayesianLinearModel {
      BayesianLinearModel(width: width, precision: LinearThompsonSampling.precision)
    }
  }
}
