import Foundation

/// Plain Thompson sampling, the yardstick: for each arm a Bayesian linear regression of the logarithm of the cost; a
/// failure counts as the cutoff (after Tornede, Bengs, Hüllermeier, AAAI 2022, with their sigma 1 and lambda 0.5).
public struct LinearThompsonSampling: ContextualBandit {
  public static let kind = BanditKind(
    name: "linear-thompson",
    summary: "plain Thompson sampling: Bayesian linear regression of the log cost for each arm",
    readsFeatures: true
  ) { armCount, cost, seed in LinearThompsonSampling(armCount: armCount, cost: cost, seed: seed) }

  static let sigma = 1.0
  static let precision = 0.5

  private let cost: BanditCost
  private let armCount: Int
  private var random: RandomSource
  private var models: [BayesianLinearModel] = []
  private var features = UnitFeatures()
  /// Of the costs of what finished; a failure counts as that much more where there is no cutoff.
  private var highestLog = -Double.infinity

  public init(armCount: Int, cost: BanditCost, seed: UInt64) {
    self.cost = cost
    self.armCount = armCount
    random = RandomSource(seed: seed, stream: 0x7507)
  }

  public mutating func choose(for context: [Float], among arms: [Int]) -> Int {
    prepare(context)
    let features = features(context)
    var best: (arm: Int, score: Double)?
    for arm in arms {
      let score =
        models[arm].count == 0
        ? -.infinity : models[arm].drawnLog(features, cost, sigma: Self.sigma, &random)
      if score < best?.score ?? .infinity || best == nil { best = (arm, score) }
    }
    return best!.arm
  }

  public mutating func learn(_ outcome: BanditOutcome, of arm: Int, in context: [Float]) {
    prepare(context)
    features.learn(context)
    let target: Double
    switch outcome {
    case .finished(let cost):
      target = log(max(cost, 1e-4))
      highestLog = max(highestLog, target)
    case .failed: target = failureLog
    }
    models[arm].update(features(context), target)
  }

  private var failureLog: Double {
    switch cost {
    case .runTime(let cutoff, _): log(cutoff)
    case .ratio(let penalty): (highestLog.isFinite ? highestLog : 0) + log(penalty)
    }
  }

  private mutating func prepare(_ context: [Float]) {
    guard models.isEmpty else { return }
    models = Array(repeating: BayesianLinearModel(width: context.count, precision: Self.precision), count: armCount)
  }
}
