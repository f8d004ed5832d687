import Acceleration
public import Serving

/// A context with the configurations to judge in it, encoded: what a `Selector` looks at.
///
/// Row 0 is the engine's default whether or not it is among the candidates, because everything is judged against it.
public struct ContextTable: Sendable {
  public let model: ModelProfile
  public let hardware: HardwareProfile
  public let workload: Workload
  /// The default, then the configurations in the order given.
  public let configurations: [EngineConfiguration]
  public let features: FeatureTable
  /// What the roofline says, for each row.
  public let estimates: [CostEstimate]

  public init(
    model: ModelProfile, available: [ModelProfile], hardware: HardwareProfile, workload: Workload,
    engine: EngineName, configurations: [EngineConfiguration]
  ) {
    self.model = model
    self.hardware = hardware
    self.workload = workload
    self.configurations = [EngineConfiguration(engine: engine)] + configurations
    let costs = CostModel(
      model: model, available: available, hardware: hardware, workload: workload)
    (features, estimates) = FeatureEncoder.encode(
      self.configurations, model: model, available: available, hardware: hardware,
      workload: workload,
      baseline: costs.estimate(self.configurations[0]), costs: costs)
  }

  /// What the roofline says of a row's cost against the default's, as a logarithm; below 0 is better.
  func rooflineRatio(_ row: Int, _ metric: CostMetric) -> Double {
    estimates[row].logCost(metric) - estimates[0].logCost(metric)
  }
}
