import Serving

/// The last jobs of a node's engine, as measured: what tells how far a selector's forecasts are off there.
struct RecentOutcomes: Sendable {
  /// So many are judged again at each ranking; more would say little that these do not.
  static let most = 10

  struct Outcome: Sendable {
    var model: Boxed<ModelProfile>
    /// Tokens there really were.
    var promptTokens: Int
    var outputTokens: Int
    var configuration: EngineConfiguration
    var costs: LogCosts

    var workload: Workload {
      Workload(
        name: "job", promptTokens: promptTokens...promptTokens, outputTokens: outputTokens...outputTokens,
        requestCount: 1)
    }
  }

  private(set) var outcomes: [Outcome] = []
  private var next = 0

  mutating func add(_ outcome: Outcome) {
    if outcomes.count < Self.most {
      outcomes.append(outcome)
    } else {
      outcomes[next] = outcome
      next = (next + 1) % Self.most
    }
  }
}
