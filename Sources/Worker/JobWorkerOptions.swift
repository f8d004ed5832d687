public import Serving

/// How a worker behaves towards its coordinator.
public struct JobWorkerOptions: Hashable, Sendable {
  /// The name its key is authorized under; the coordinator's word in the welcome is what counts.
  public var name: WorkerName
  /// Jobs at once, at least 1.
  public var jobCapacity: Int
  /// Most results that wait for the coordinator's confirmation, at least 1.
  public var reportCapacity: Int
  /// A report is sent again when it was not confirmed after this long.
  public var reportResendAfter: Duration
  /// An unanswered hello is sent again after this long.
  public var helloInterval: Duration
  /// Tokens wait this long for more before they are sent; the first, and one that comes later than this after the one
  /// before, goes at once.
  public var tokenFlushAfter: Duration
  /// How often the worker looks anew at what it can do, and says so when that has changed. Nil for once, at the start.
  public var describeInterval: Duration?
  /// How often the worker looks whether models came or went, and if so says what it has now. Nil for never.
  public var modelCheckInterval: Duration?
  /// What is still to be sent when the worker stops gets this long.
  public var shutdownTimeLimit: Duration

  public init(
    name: WorkerName, jobCapacity: Int = 4, reportCapacity: Int = 1000, reportResendAfter: Duration = .seconds(5),
    helloInterval: Duration = .seconds(2), tokenFlushAfter: Duration = .milliseconds(20),
    describeInterval: Duration? = nil, modelCheckInterval: Duration? = nil, shutdownTimeLimit: Duration = .seconds(1)
  ) {
    self.name = name
    self.jobCapacity = jobCapacity
    self.reportCapacity = reportCapacity
    self.reportResendAfter = reportResendAfter
    self.helloInterval = helloInterval
    self.tokenFlushAfter = tokenFlushAfter
    self.describeInterval = describeInterval
    self.modelCheckInterval = modelCheckInterval
    self.shutdownTimeLimit = shutdownTimeLimit
  }
}
