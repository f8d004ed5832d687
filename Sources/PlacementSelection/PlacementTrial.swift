public import Serving

/// What a plan was foreseen to take, and took: a row of the history that the residual is learned from.
public struct PlacementTrial: Hashable, Codable, Sendable {
  /// Of `PlanFeatures`.
  public var encoderVersion: Int
  /// Trials of one problem share it: only their differences say which plan is better.
  public var problem: String
  public var strategy: String
  /// As `PlanFeatures.names` says.
  public var features: [Float]
  /// Seconds of a layer by the cost model alone.
  public var analyticSeconds: Double
  /// Seconds of a layer, mean over the measured batches.
  public var measuredSeconds: Double

  public init(problem: String, strategy: String, features: PlanFeatures, measuredSeconds: Double) {
    encoderVersion = PlanFeatures.version
    self.problem = problem
    self.strategy = strategy
    self.features = features.values
    analyticSeconds = features.analyticSeconds
    self.measuredSeconds = measuredSeconds
  }

  /// Nil for one that failed, or of which nothing was foreseen.
  public init?(_ measurement: PlacementMeasurement) {
    guard let foreseen = measurement.foreseen, let figures = measurement.figures else { return nil }
    encoderVersion = foreseen.encoderVersion
    problem = measurement.problem
    strategy = measurement.strategy
    features = foreseen.features
    analyticSeconds = foreseen.analyticSeconds
    measuredSeconds = figures.meanSeconds
  }

  /// Of this encoder, and of numbers that can be.
  var isUsable: Bool {
    encoderVersion == PlanFeatures.version && features.count == PlanFeatures.names.count && analyticSeconds > 0
      && measuredSeconds > 0 && analyticSeconds.isFinite && measuredSeconds.isFinite
  }
}
