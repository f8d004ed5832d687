public import Serving

extension PlacementTrial {
  /// Of this encoder.
  public init(problem: String, strategy: String, features: PlanFeatures, measuredSeconds: Double) {
    self.init(
      encoderVersion: PlanFeatures.version, problem: problem, strategy: strategy, features: features.values,
      analyticSeconds: features.analyticSeconds, measuredSeconds: measuredSeconds)
  }

  /// Of this encoder, and of numbers that can be.
  var isUsable: Bool {
    encoderVersion == PlanFeatures.version && features.count == PlanFeatures.names.count && analyticSeconds > 0
      && measuredSeconds > 0 && analyticSeconds.isFinite && measuredSeconds.isFinite
  }
}
