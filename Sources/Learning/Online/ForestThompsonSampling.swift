import Foundation

/// Thompson sampling on a forest of extremely randomized trees for each arm. Some of the trees, drawn anew for each
/// choice, are a draw from what the forest believes: where it has seen much they agree, elsewhere not (after Eckles and
/// Kaptein: Thompson sampling with the online bootstrap, 2014). A made-up observation with a random outcome keeps an arm
/// alive of which little is known (Osband and others: randomized prior functions, 2018).
///
/// Two heads as in `ExpectedCostForest`: whether a run fails, and the logarithm of what it costs if not. So nothing has
/// to be imputed for a censored cost: that it failed is known exactly, and what it would have cost never counts.
public struct ForestThompsonSampling: ContextualBandit {
  public static let kind = BanditKind(
    name: "forest-thompson", summary: "the default: Thompson sampling on parts of a forest for each arm",
    readsFeatures: true
  ) { armCount, cost, seed in ForestThompsonSampling(armCount: armCount, cost: cost, seed: seed) }

  struct Settings: Sendable {
    /// Fewer trees and columns than offline: a forest is grown anew dozens of times.
    var trees = ForestSettings(
      treeCount: 24, columnShare: 0.2, leastLeafRows: 1, isBootstrapped: false, hasRandomCuts: true)
    /// Trees in a draw: one is the boldest, all of them explore only where little is known of an arm at all.
    var drawnTrees = 16
    /// How many observations the made-up one weighs.
    var priorWeight = 1.0
    /// A forest is grown again when what it has seen has grown by this share.
    var growth = 0.2
  }

  private let cost: BanditCost
  private let settings: Settings
  private let seed: UInt64
  private var random: RandomSource
  private var arms: [Arm]

  public init(armCount: Int, cost: BanditCost, seed: UInt64) {
    self.init(armCount: armCount, cost: cost, seed: seed, settings: Settings())
  }

  init(armCount: Int, cost: BanditCost, seed: UInt64, settings: Settings) {
    self.cost = cost
    self.settings = settings
    self.seed = seed
    random = RandomSource(seed: seed, stream: 0xF07E)
    arms = Array(repeating: Arm(), count: armCount)
  }

  public mutating func choose(for context: [Float], among candidates: [Int]) -> Int {
    var best: (arm: Int, score: Double)?
    for arm in candidates {
      let score = drawnLoss(arm, context)
      if score < best?.score ?? .infinity || best == nil { best = (arm, score) }
    }
    return best!.arm
  }

  public mutating func learn(_ outcome: BanditOutcome, of arm: Int, in context: [Float]) {
    arms[arm].contexts.append(contentsOf: context)
    arms[arm].outcomes.append(outcome)
    let count = arms[arm].outcomes.count
    if Double(count) >= Double(arms[arm].grownCount) * (1 + settings.growth) {
      arms[arm].grow(
        columnCount: context.count, cost: cost, settings: settings.trees,
        seed: seed &+ UInt64(arm) << 32 &+ UInt64(count))
    }
  }

  private mutating func drawnLoss(_ number: Int, _ context: [Float]) -> Double {
    let arm = arms[number]
    guard let forest = arm.forest else { return -.infinity }
    let first = random.index(below: forest.treeCount)
    let heads = forest.predict(context, trees: first..<first + settings.drawnTrees)
    let count = Double(arm.outcomes.count)
    let failureShare =
      (count * Double(heads[0]) + settings.priorWeight * random.unit()) / (count + settings.priorWeight)
    return cost.expectedLoss(failureShare: failureShare, log: arm.finishedLog(heads))
  }

  /// What was seen of one arm, and the forest grown on it.
  private struct Arm: Sendable {
    var contexts: [Float] = []
    var outcomes: [BanditOutcome] = []
    var forest: Forest?
    var grownCount = 0
    private var failedLog = 0.0
    private var spread = 1.0

    mutating func grow(columnCount: Int, cost: BanditCost, settings: ForestSettings, seed: UInt64) {
      let logs = outcomes.map { outcome -> Double? in
        if case .finished(let cost) = outcome { Foundation.log10(max(cost, 1e-4)) } else { nil }
      }
      let known = logs.compactMap { $0 }
      let mean = known.reduce(0, +) / Double(max(1, known.count))
      failedLog = cost.failedLog ?? known.max() ?? 0
      // Both heads spread alike, so that neither rules the splits.
      let variance = known.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, known.count))
      spread = max(2 * variance.squareRoot(), 1e-6)
      let targets: [Float] = logs.flatMap { log -> [Float] in
        [log == nil ? 1 : 0, Float((log ?? failedLog) / spread)]
      }
      forest = Forest(
        BinnedMatrix(
          FeatureMatrix(
            columns: (0..<columnCount).map(String.init), values: contexts, rowCount: outcomes.count)),
        targets: targets, outputCount: 2, settings: settings, seed: seed, threadCount: 1)
      grownCount = outcomes.count
    }

    /// The second head holds `failedLog` where the arm failed: takes that share out again.
    func finishedLog(_ heads: [Float]) -> Double {
      let (failed, log) = (Double(heads[0]), Double(heads[1]) * spread)
      return failed < 1 - 1e-6 ? (log - failed * failedLog) / (1 - failed) : failedLog
    }
  }
}
