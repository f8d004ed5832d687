import Glibc
public import Serving

/// Decides whether a newly trained model replaces the current one.
///
/// Both are judged by what their choices cost, against the best that was measured, in contexts that are new to both: for
/// a context the new model was trained on, its cross-validation says what it would have chosen without. Where nothing is
/// new to the old model, the new one is taken: it knows the same contexts, from more rounds. Whatever its choices cost, one
/// whose forecasts of the last jobs are worse than the old one's is refused, all the more as it was trained on them; what
/// comes later judges both alike (`Probation`). What the other measurements contradict judges neither (`Outvoting`).
public enum PromotionGate {
  /// A new model may be worse by this much (as a ratio of costs) before it is refused: below it is luck.
  static let tolerance = 0.01
  /// Most of the last jobs that forecasts are compared on.
  static let mostJobs = 200

  public struct Verdict: Hashable, Sendable {
    public var promotes: Bool
    /// In words, with the figures.
    public var reason: String
    /// Mean cost of the choice over the best measured one, 1 at best; nil without contexts to judge on.
    public var oldRegret: Double?
    public var newRegret: Double?
    /// Contexts both were judged on.
    public var contextCount: Int
    /// Workers of whose measurements none counted.
    public var distrusted: [WorkerName] = []
  }

  /// - Parameters:
  ///   - old: the current model; nil when there is none.
  ///   - measurements: the history, or its newer part; contexts that the old model was trained on are left out.
  ///   - models: further models of the history.
  public static func decide(
    old: SelectorModel?, new: SelectorModel, on measurements: [Measurement], models: [ModelProfile] = []
  ) -> Verdict {
    guard let old else {
      return Verdict(promotes: true, reason: "there was no model before", contextCount: 0)
    }
    let outvoting = Outvoting(measurements, models: models)
    var verdict = compare(old, new, on: outvoting.believed(measurements), models: models)
    verdict.distrusted = outvoting.distrusted
    return verdict
  }

  private static func compare(
    _ old: SelectorModel, _ new: SelectorModel, on measurements: [Measurement], models: [ModelProfile]
  ) -> Verdict {
    let jobs = JobForecasts(
      measurements.filter { if case .job = $0.source { true } else { false } }.suffix(mostJobs),
      models: models + measurements.map(\.model))
    if jobs.isWorse(new, than: old) {
      return Verdict(
        promotes: false,
        reason: "refused: its forecasts of the last \(jobs.count) jobs are off by \(jobs.typicalFactor(new)), "
          + "the old one's by \(jobs.typicalFactor(old))",
        contextCount: 0)
    }
    let crossValidated = Dictionary(uniqueKeysWithValues: new.header.contexts.map { ($0.hash, $0.regret) })
    let regrets = HeldOutContext.all(measurements, models: models, without: Set(old.header.contexts.map(\.hash)))
      .compactMap { context -> (old: Double, new: Double)? in
        guard let known = crossValidated[context.hash] else { return (context.regret(old), context.regret(new)) }
        return known.map { (context.regret(old), $0) }
      }
    guard !regrets.isEmpty else {
      return Verdict(
        promotes: true,
        reason: "no measured context is new to the old model; the new one was trained on \(new.rowCount) measurements, "
          + "the old one on \(old.rowCount)",
        contextCount: 0)
    }
    let oldRegret = exp(regrets.reduce(0) { $0 + $1.old } / Double(regrets.count))
    let newRegret = exp(regrets.reduce(0) { $0 + $1.new } / Double(regrets.count))
    let promotes = newRegret <= oldRegret * (1 + tolerance)
    let figures =
      "\(Words.times(newRegret)) the best measured cost in \(regrets.count) contexts new to both, "
      + "the old one's \(Words.times(oldRegret))"
    return Verdict(
      promotes: promotes,
      reason: (promotes ? "its choices cost " : "refused: its choices cost ") + figures,
      oldRegret: oldRegret, newRegret: newRegret, contextCount: regrets.count)
  }
}
