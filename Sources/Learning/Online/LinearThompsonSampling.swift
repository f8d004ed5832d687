import Foundation

/// Plain Thompson sampling, the yardstick: for each arm a Bayesian linear regression of the logarithm of the cost; a
/// failure counts as the cutoff (after Tornede, Bengs, Hüllermeier, AAAI 2022, with their sigma 1 and lambda 0.5).
///
/// Features are scaled to unit length as there, missing ones take their running mean. Only the projection of the drawn
/// weights on the features is needed, which is drawn directly.
public struct LinearThompsonSampling: ContextualBandit {
  public static let kind = BanditKind(
    name: "linear-thompson",
    summary: "plain Thompson sampling: Bayesian linear regression of the log cost for each arm",
    readsFeatures: true
  ) { armCount, cost, seed in LinearThompsonSampling(armCount: armCount, cost: cost, seed: seed) }

  private static let sigma = 1.0
  private static let precision = 0.5

  private let cost: BanditCost
  private let armCount: Int
  private var random: RandomSource
  private var models: [BayesianLinearModel] = []
  private var means: [Double] = []
  private var seen: [Double] = []
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
      let score = models[arm].count == 0 ? -.infinity : drawnScore(models[arm], features)
      if score < best?.score ?? .infinity || best == nil { best = (arm, score) }
    }
    return best!.arm
  }

  public mutating func learn(_ outcome: BanditOutcome, of arm: Int, in context: [Float]) {
    prepare(context)
    for (place, value) in context.enumerated() where value.isFinite {
      seen[place] += 1
      means[place] += (Double(value) - means[place]) / seen[place]
    }
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
    means = [Double](repeating: 0, count: context.count)
    seen = means
  }

  private func features(_ context: [Float]) -> [Double] {
    let filled = zip(context, means).map { $0.isFinite ? Double($0) : $1 }
    let length = filled.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? filled.map { $0 / length } : filled
  }

  /// A draw of the log cost; with a cutoff, the expected log of the penalised cost at that draw.
  private mutating func drawnScore(_ model: BayesianLinearModel, _ features: [Double]) -> Double {
    let (mean, variance) = model.predict(features)
    let drawn = mean + (Self.sigma * variance).squareRoot() * random.normal()
    guard case .runTime(let cutoff, let penalty) = cost else { return drawn }
    let spread = max(Self.sigma * Self.sigma * variance, 1e-12).squareRoot()
    let finishes = Self.cumulative((log(cutoff) - drawn) / spread)
    return finishes * min(drawn, log(cutoff)) + (1 - finishes) * log(penalty * cutoff)
  }

  private static func cumulative(_ value: Double) -> Double { 0.5 * erfc(-value / 2.0.squareRoot()) }
}
