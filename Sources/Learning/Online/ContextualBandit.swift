/// Chooses again and again, and learns from what it chose alone: nobody says what the others would have cost.
///
/// A value: a copy goes its own way, and the same seed, contexts and outcomes give the same choices. Outcomes may come
/// late, in any order, and also for arms that somebody else chose.
public protocol ContextualBandit: Sendable {
  /// - Parameters:
  ///   - context: a value for each feature, NaN when missing.
  ///   - arms: numbers of the arms that can be chosen, ascending, not empty.
  mutating func choose(for context: [Float], among arms: [Int]) -> Int

  mutating func learn(_ outcome: BanditOutcome, of arm: Int, in context: [Float])
}

/// What a chosen arm came to.
public enum BanditOutcome: Hashable, Sendable {
  /// It finished, at a cost.
  case finished(Double)
  /// It ended without a result: cut off, out of memory, crashed. What it would have cost is not known (right-censored).
  case failed
}

/// What costs are to a bandit.
public enum BanditCost: Hashable, Sendable {
  /// Seconds, cut off at `cutoff`; a failure counts `penalty` times the cutoff.
  case runTime(cutoff: Double, penalty: Double = 10)
  /// Positive numbers of which only ratios count, lower is better: a latency, or one over a throughput. A failure counts
  /// as `penalty` times as much as the same arm would cost if it finished.
  case ratio(penalty: Double = 20)
}

/// A kind of bandit, to make one for a stream.
public struct BanditKind: Sendable {
  public let name: String
  /// One line for people.
  public let summary: String
  /// Whether its choices depend on the context; one that does not pay for its features.
  public let readsFeatures: Bool
  public let make: @Sendable (_ armCount: Int, _ cost: BanditCost, _ seed: UInt64) -> any ContextualBandit

  /// Every bandit there is. A new one is a file in this folder and a line here.
  public static let all: [BanditKind] = [
    MeanBandit.kind, LinearThompsonSampling.kind, ImputedThompsonSampling.kind, ForestThompsonSampling.kind,
  ]

  /// What is used unless another is asked for.
  public static let defaultBandit = ForestThompsonSampling.kind
}
