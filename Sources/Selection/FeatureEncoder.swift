import Acceleration
import Serving

/// Turns a context and its configurations into numbers, for ranking and for training alike.
///
/// A trained model is tied to the encoder it was trained with: `version` is raised when a column's meaning changes, and
/// `digest` changes by itself with the columns' names and order. A model with another of either is refused.
public enum FeatureEncoder {
  /// 1: the first. 2: the prompt is read by its own threads, and the roofline knows more kinds of speculation.
  public static let version = 4

  /// Names of the columns in their order.
  public static let columns: [String] =
    ContextFeatures.columns.map(\.name) + ConfigurationFeatures.columns.map(\.name)

  /// A fingerprint of the columns' names and order.
  public static let digest: UInt64 = StableHash.of(columns.joined(separator: "\n"))

  /// One row for each configuration.
  ///
  /// - Returns: the table, and what the roofline says of each row.
  static func encode(
    _ configurations: [EngineConfiguration], model: ModelProfile, available: [ModelProfile],
    hardware: HardwareProfile, workload: Workload, baseline: CostEstimate, costs: CostModel
  ) -> (table: FeatureTable, estimates: [CostEstimate]) {
    let context = ContextInput(
      model: model, hardware: hardware, workload: workload, baseline: baseline)
    let shared = ContextFeatures.columns.map { Float($0.value(context)) }
    var values: [Float] = []
    values.reserveCapacity(configurations.count * columns.count)
    var estimates: [CostEstimate] = []
    estimates.reserveCapacity(configurations.count)
    guard let first = configurations.first else { return (FeatureTable(columns: columns, values: []), []) }
    var input = ConfigurationInput(
      workload: workload, hardware: hardware, asked: model, baseline: baseline, estimate: baseline,
      engine: first.engine)
    for configuration in configurations {
      let estimate = costs.estimate(configuration)
      input.estimate = estimate
      input.engine = configuration.engine
      values += shared
      for column in ConfigurationFeatures.columns { values.append(Float(column.value(input))) }
      estimates.append(estimate)
    }
    return (FeatureTable(columns: columns, values: values), estimates)
  }
}
