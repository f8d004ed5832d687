/// What a history holds.
public struct HistoryStats: Hashable, Codable, Sendable {
  public var jobCount: Int
  public var measurementCount: Int
  public var modelCount: Int
  public var nodeCount: Int
  /// Measurements by outcome.
  public var outcomes: [String: Int]
  public var databaseBytes: Int

  public init(
    jobCount: Int, measurementCount: Int, modelCount: Int, nodeCount: Int, outcomes: [String: Int],
    databaseBytes: Int
  ) {
    self.jobCount = jobCount
    self.measurementCount = measurementCount
    self.modelCount = modelCount
    self.nodeCount = nodeCount
    self.outcomes = outcomes
    self.databaseBytes = databaseBytes
  }
}
