/// How a coordinator does at this moment, and what it counted since its start.
public struct CoordinatorStatus: Hashable, Sendable {
  public var upSeconds: Double
  /// Jobs that wait for a worker.
  public var queuedJobCount: Int
  public var metrics: CoordinatorMetrics
  /// Those that ever said hello since its start, by name.
  public var workers: [WorkerStatus]

  public init(upSeconds: Double, queuedJobCount: Int, metrics: CoordinatorMetrics, workers: [WorkerStatus]) {
    self.upSeconds = upSeconds
    self.queuedJobCount = queuedJobCount
    self.metrics = metrics
    self.workers = workers
  }
}
