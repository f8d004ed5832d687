import Glibc

/// A few measured batches between the plans that are expected to be fastest.
///
/// In each round every plan that is still in computes the same batch once. A plan is out when it is behind by more than twice
/// the standard error of the difference. What was expected counts as much as its error allows: a small lead in few batches
/// does not beat a clear expectation.
public struct PlacementRace: Sendable {
  public static let entrantLimit = 3
  public static let roundLimit = 6

  /// Standard deviation of the logarithm of one batch's time, as if it had been seen in two rounds, before any is.
  private static let noise = (prior: 0.1, rounds: 2.0)
  /// Error of the cost model's ratios where nothing was learned.
  public static let analyticSpread = 0.2

  /// Places in the list of expectations, the best first.
  public let entrants: [Int]
  private let expected: [Double]
  private let spread: Double
  private var isIn: [Bool]
  /// `[entrant][round]`, logarithms of seconds.
  private var logs: [[Double]]
  private var roundCount = 0

  /// - Parameters:
  ///   - seconds: expected for each plan, above 0.
  ///   - spread: standard deviation of the expectations' error, as a logarithm.
  ///   - isSame: whether two plans are the same; of those the first enters.
  public init(expecting seconds: [Double], spread: Double, isSame: (Int, Int) -> Bool = { _, _ in false }) {
    precondition(!seconds.isEmpty && seconds.allSatisfy { $0 > 0 && $0.isFinite }, "times above 0")
    var entrants: [Int] = []
    for plan in seconds.indices.sorted(by: { (seconds[$0], $0) < (seconds[$1], $1) })
    where entrants.count < Self.entrantLimit && !entrants.contains(where: { isSame($0, plan) }) {
      entrants.append(plan)
    }
    self.entrants = entrants
    expected = entrants.map { log(seconds[$0]) }
    self.spread = max(spread, 1e-3)
    isIn = entrants.map { _ in true }
    logs = entrants.map { _ in [] }
  }

  /// The plans to measure next on one batch; none when the race is over.
  public var nextRound: [Int] {
    let left = entrants.indices.filter { isIn[$0] }
    return left.count > 1 && roundCount < Self.roundLimit ? left.map { entrants[$0] } : []
  }

  /// - Parameter seconds: of each plan of `nextRound`, in its order.
  public mutating func record(_ seconds: [Double]) {
    let left = entrants.indices.filter { isIn[$0] }
    precondition(seconds.count == left.count && seconds.allSatisfy { $0 > 0 }, "a time for each plan that is in")
    for (entrant, time) in zip(left, seconds) { logs[entrant].append(log(time)) }
    roundCount += 1
    guard roundCount > 1 else { return }
    let estimates = estimates
    let best = leader
    for entrant in left where entrant != best {
      let error = noise * sqrt(2 / Double(roundCount))
      if estimates[entrant] - estimates[best] > 2 * error { isIn[entrant] = false }
    }
  }

  /// The plan to use by all that is known so far.
  public var winner: Int { entrants[leader] }

  private var leader: Int {
    let estimates = estimates
    return estimates.indices.filter { isIn[$0] }.min { estimates[$0] < estimates[$1] }!
  }

  /// Logarithm of each entrant's seconds: expectation, what all are off by together, and its own measurements as far as they
  /// are surer than the expectation.
  private var estimates: [Double] {
    let measured = logs.indices.filter { !logs[$0].isEmpty }
    guard !measured.isEmpty else { return expected }
    let means = logs.map { $0.reduce(0, +) / Double(max(1, $0.count)) }
    let shift = measured.reduce(0) { $0 + means[$1] - expected[$1] } / Double(measured.count)
    return expected.indices.map { entrant in
      let prior = expected[entrant] + shift
      guard !logs[entrant].isEmpty else { return prior }
      let variance = noise * noise / Double(logs[entrant].count)
      return prior + (means[entrant] - prior) * spread * spread / (spread * spread + variance)
    }
  }

  /// Standard deviation of one batch's logarithm after what its round and its plan do, which all plans of a round share.
  private var noise: Double {
    let full = logs.filter { $0.count == roundCount }
    var (sum, freedom) = (Self.noise.prior * Self.noise.prior * Self.noise.rounds, Self.noise.rounds)
    if full.count > 1, roundCount > 1 {
      let rounds = (0..<roundCount).map { round in full.reduce(0) { $0 + $1[round] } / Double(full.count) }
      let mean = rounds.reduce(0, +) / Double(roundCount)
      for entrant in full {
        let own = entrant.reduce(0, +) / Double(roundCount)
        for (round, value) in entrant.enumerated() {
          let error = value - rounds[round] - own + mean
          sum += error * error
        }
      }
      freedom += Double((full.count - 1) * (roundCount - 1))
    }
    return sqrt(sum / freedom)
  }
}
