/// What the columns of a tidy table are to an evaluation.
public struct TidyTableSchema: Hashable, Sendable {
  /// Columns whose values together name an instance.
  public var instance: [String]
  /// Columns whose values together name an algorithm.
  public var algorithm: [String]
  public var cost: String
  public var isHigherBetter: Bool
  /// Features beside the instance and algorithm columns; nil for every column that is constant within each instance or
  /// within each algorithm.
  public var features: [String]?
  /// Instances with one value here stay together in cross-validation; nil for each on its own.
  public var group: String?
  /// Instances with fewer algorithms do not count; at least 2.
  public var leastAlgorithms: Int

  public init(
    instance: [String], algorithm: [String], cost: String, isHigherBetter: Bool, features: [String]? = nil,
    group: String? = nil, leastAlgorithms: Int = 2
  ) {
    self.instance = instance
    self.algorithm = algorithm
    self.cost = cost
    self.isHigherBetter = isHigherBetter
    self.features = features
    self.group = group
    self.leastAlgorithms = leastAlgorithms
  }
}
