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

    init(_ measurement: Measurement, _ metrics: Metrics, _ costs: LogCosts) {
      model = measurement.boxedModel
      promptTokens = max(1, metrics.promptTokenCount / metrics.requestCount)
      outputTokens = max(1, metrics.outputTokenCount / metrics.requestCount)
      configuration = measurement.configuration
      self.costs = costs
    }

    /// What to ask a selector about it: the default, and after it the configuration when that is another one.
    func question(hardware: HardwareProfile, available: [ModelProfile]) -> TableRows {
      let others = configuration.knobs.isEmpty ? [] : [configuration]
      let workload = Workload(
        name: "job", promptTokens: promptTokens...promptTokens, outputTokens: outputTokens...outputTokens,
        requestCount: 1)
      let table = ContextTable(
        model: model.wrappedValue, available: available, hardware: hardware, workload: workload,
        engine: configuration.engine, configurations: others)
      return TableRows(table: table, rows: Array(0...others.count))
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
