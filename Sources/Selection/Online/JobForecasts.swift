import Glibc
public import Serving

/// Jobs whose time is known, to ask models what they would have said: how well a model foresees what its users see.
public struct JobForecasts: Sendable {
  /// Fewer say nothing.
  static let least = 20
  /// Deviations of the mean difference by which forecasts must be worse to be called so (one in a hundred by chance), and
  /// the least difference that matters to anybody, as a logarithm.
  static let certainty = 2.33
  static let tolerance = 0.02

  private var asked: [TableRows] = []
  /// Logarithm of the whole request's time.
  private var measured: [Double] = []

  /// - Parameters:
  ///   - measurements: those of completed jobs that read their prompts count, each with the tokens it really had.
  ///   - models: further models, as variants and drafts that configurations name.
  public init(_ measurements: [Measurement], models: [ModelProfile]) {
    for measurement in measurements {
      guard case .job = measurement.source, !measurement.hasRestoredPrefix, let metrics = measurement.outcome.metrics,
        let costs = MeasuredCosts.read(metrics)
      else { continue }
      let outcome = RecentOutcomes.Outcome(measurement, metrics, costs)
      asked.append(outcome.question(hardware: measurement.hardware, available: models))
      measured.append(costs[.e2e])
    }
  }

  public var count: Int { measured.count }

  /// For each job how far off the model is: the absolute logarithm of measured over foreseen.
  func errors(_ model: SelectorModel) -> [Double] {
    zip(model.foresee(asked, .e2e), measured).map { foresight, measured in
      guard let foresight, let ratio = foresight.ratios.last else { return abs(measured) }
      return abs(measured - foresight.level.mean - ratio.mean)
    }
  }

  /// Whether a model foresees these jobs worse than another, beyond chance.
  func isWorse(_ model: SelectorModel, than other: SelectorModel) -> Bool {
    guard count >= Self.least else { return false }
    let differences = zip(errors(model), errors(other)).map { $0 - $1 }
    let mean = differences.reduce(0, +) / Double(count)
    let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    return mean > Self.tolerance && mean > Self.certainty * (variance / Double(count)).squareRoot()
  }

  /// The factor by which a model's forecasts are typically off, in words.
  func typicalFactor(_ model: SelectorModel) -> String {
    Words.times(exp(errors(model).reduce(0, +) / Double(max(1, count))))
  }
}
