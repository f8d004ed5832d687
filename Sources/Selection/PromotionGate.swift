import Glibc
public import Serving

/// Decides whether a newly trained model replaces the current one.
///
/// Both choose in contexts that were measured but are new to both; what their choices cost there, against the best that
/// was measured, is compared. Where no such contexts exist the new model is taken: it was trained on all the old one
/// was, and on more.
public struct PromotionGate: Sendable {
  /// A new model may be worse by this much (as a ratio of costs) before it is refused: below it is luck.
  public static let tolerance = 0.01

  public struct Verdict: Hashable, Sendable {
    public var promotes: Bool
    /// In words, with the figures.
    public var reason: String
    /// Mean cost of the choice over the best measured one, 1 at best; nil without contexts to judge on.
    public var oldRegret: Double?
    public var newRegret: Double?
    /// Contexts both were judged on.
    public var contextCount: Int
  }

  /// - Parameters:
  ///   - old: the current model; nil when there is none.
  ///   - measurements: the history, of which contexts that either model was trained on are left out.
  ///   - models: further models of the history.
  public static func decide(
    old: SelectorModel?, new: SelectorModel, on measurements: [Measurement],
    models: [ModelProfile] = [],
    objective: Objective = .e2e
  ) -> Verdict {
    guard let old else {
      return Verdict(promotes: true, reason: "there was no model before", contextCount: 0)
    }
    let seen = Set(old.header.knownContexts).union(new.header.knownContexts)
    let set = TrainingSet(measurements, models: models, without: seen)
    let contexts = HeldOutContext.all(
      set, measurements, models: models, without: seen, CostMetric(objective))
    guard !contexts.isEmpty else {
      return Verdict(
        promotes: true,
        reason:
          "no measured context is new to both; the new one was trained on \(new.rowCount) measurements, "
          + "the old one on \(old.rowCount)",
        contextCount: 0)
    }
    let oldRegret = meanRegret(old, contexts)
    let newRegret = meanRegret(new, contexts)
    let promotes = newRegret <= oldRegret * (1 + tolerance)
    let figures =
      "\(Words.times(newRegret)) the best measured cost on \(contexts.count) held-out contexts, "
      + "the old one's \(Words.times(oldRegret))"
    return Verdict(
      promotes: promotes,
      reason: (promotes ? "its choices cost " : "refused: its choices cost ") + figures,
      oldRegret: oldRegret, newRegret: newRegret, contextCount: contexts.count)
  }

  /// Geometric mean over contexts of the chosen one's cost over the best one's.
  private static func meanRegret(_ model: SelectorModel, _ contexts: [HeldOutContext]) -> Double {
    exp(contexts.reduce(0) { $0 + $1.regret(model) } / Double(contexts.count))
  }
}
