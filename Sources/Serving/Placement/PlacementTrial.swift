/// What a plan was foreseen to take, and took: a row of the history that the residual over the cost model is learned from.
public struct PlacementTrial: Hashable, Codable, Sendable {
  /// Of the encoder that made the row.
  public var encoderVersion: Int
  /// Trials of one problem share it: only their differences say which plan is better.
  public var problem: String
  public var strategy: String
  public var features: [Float]
  /// Seconds of a layer by the cost model alone.
  public var analyticSeconds: Double
  /// Seconds of a layer, mean over the measured batches.
  public var measuredSeconds: Double

  public init(
    encoderVersion: Int, problem: String, strategy: String, features: [Float], analyticSeconds: Double,
    measuredSeconds: Double
  ) {
    self.encoderVersion = encoderVersion
    self.problem = problem
    self.strategy = strategy
    self.features = features
    self.analyticSeconds = analyticSeconds
    self.measuredSeconds = measuredSeconds
  }

  /// Nil for one that failed, or of which nothing was foreseen.
  public init?(_ measurement: PlacementMeasurement) {
    guard let foreseen = measurement.foreseen, let figures = measurement.figures else { return nil }
    self.init(
      encoderVersion: foreseen.encoderVersion, problem: measurement.problem, strategy: measurement.strategy,
      features: foreseen.features, analyticSeconds: foreseen.analyticSeconds, measuredSeconds: figures.meanSeconds)
  }
}
