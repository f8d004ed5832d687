public import Serving

/// From a recommendation to the order in which a job tries workers.
public enum RouteChoices {
  /// Configurations kept for each worker: the second is for a job for which the first failed.
  static let perWorker = 2

  /// Best first. After the recommended configurations of each worker comes its engine's default, which a job falls
  /// back on when they fail. When nothing is known (or nothing is better) the defaults stand alone, on the workers in
  /// the order of what is foreseen for them.
  ///
  /// - Parameter mayDraft: whether strategies that draft tokens are among them.
  public static func make(from recommendation: Recommendation, mayDraft: Bool = true) -> [RouteChoice] {
    let applicable = recommendation.candidates.filter {
      $0.candidate.isApplicable && (mayDraft || !$0.candidate.configuration.drafts)
    }
    let defaults = applicable.filter { $0.candidate.configuration.isDefault }.map(choice)
    guard recommendation.decision == .use else {
      return defaults.isEmpty ? Array(applicable.map(choice).prefix(perWorker)) : defaults
    }
    var kept: [WorkerName: Int] = [:]
    var choices: [RouteChoice] = []
    for ranked in applicable where kept[ranked.worker, default: 0] < perWorker {
      kept[ranked.worker, default: 0] += 1
      choices.append(choice(ranked))
    }
    for fallback in defaults where !choices.contains(where: { same($0, fallback) }) {
      choices.append(fallback)
    }
    return choices
  }

  private static func choice(_ ranked: RankedCandidate) -> RouteChoice {
    RouteChoice(worker: ranked.worker, candidate: ranked.candidate, predicted: ranked.predicted)
  }

  private static func same(_ a: RouteChoice, _ b: RouteChoice) -> Bool {
    a.worker == b.worker && a.candidate.configuration == b.candidate.configuration
  }
}

extension EngineConfiguration {
  /// Whether its engine drafts tokens and checks them, in whatever way.
  var drafts: Bool { self[.speculation] != nil }
}
