/// The arm with the lowest mean loss so far, each tried once first: what a bandit that reads features has to beat.
public struct MeanBandit: ContextualBandit {
  public static let kind = BanditKind(
    name: "lowest-mean", summary: "the arm with the lowest mean loss so far, each tried once first",
    readsFeatures: false
  ) { armCount, cost, _ in MeanBandit(armCount: armCount, cost: cost) }

  private let cost: BanditCost
  private var sums: [Double]
  private var counts: [Double]

  public init(armCount: Int, cost: BanditCost) {
    self.cost = cost
    sums = [Double](repeating: 0, count: armCount)
    counts = sums
  }

  public mutating func choose(for context: [Float], among arms: [Int]) -> Int {
    arms.min { mean($0) < mean($1) }!
  }

  public mutating func learn(_ outcome: BanditOutcome, of arm: Int, in context: [Float]) {
    sums[arm] += cost.loss(of: outcome)
    counts[arm] += 1
  }

  private func mean(_ arm: Int) -> Double { counts[arm] == 0 ? -.infinity : sums[arm] / counts[arm] }
}
