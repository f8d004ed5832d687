/// What a coordinator can be told. Every default works; the comments say what each number bounds.
public struct CoordinatorConfiguration: Hashable, Codable, Sendable {
  public static let usualHedgeShare = 0.05

  /// How often a worker says that it is there; three missed ones lose it. Milliseconds, at least 10.
  public var heartbeatMS: Int
  /// Jobs that wait for a worker; more are answered "try again".
  public var queueLimit: Int
  /// New measurements after which the selector is trained again.
  public var retrainAfter: Int
  /// The model file that serves: read at the start when it is there, replaced by a promoted one. Nil for a coordinator
  /// that does not keep its selector.
  public var selectorPath: String?
  /// Between two looks at the clock: deadlines, retries, lost workers. Milliseconds, at most the heartbeat.
  public var tickMS = 100
  /// Times a job is given to a worker before it fails.
  public var attemptLimit = 3
  /// Seconds a revoked worker has to report before its lease is taken from it.
  public var revokePatienceSeconds = 10.0
  /// Seconds after a start in which a job that was running waits for its worker to come back with it.
  public var adoptionPatienceSeconds = 10.0
  /// Seconds a lease may go without a token or a report while its worker lives.
  public var leaseSilenceSeconds = 600.0
  /// Benchmarks at once; more are answered "try again".
  public var benchmarkLimit = 4
  /// Queries (lists, recommendations, stats) at once; more are answered "try again".
  public var queryLimit = 64
  /// Writes waiting for the disk; more jobs are answered "try again".
  public var pendingWriteLimit = 10_000
  /// Answers kept for a peer whose connection is full; beyond, they are dropped and counted.
  public var outboxLimit = 1024
  /// Seconds between two trainings, unless a user asks.
  public var retrainIntervalSeconds = 60.0
  /// Seconds between two refreshes of the cached routes when new measurements came.
  public var routeRefreshSeconds = 2.0
  /// Seconds of confirmation runs that a benchmark may add to its budget.
  public var confirmationSeconds = 60.0
  /// How much of the jobs may be sent elsewhere than to what is believed best, to learn.
  public var exploration = ExplorationPolicy()
  /// Most of all jobs that may be given to a second node while the first says nothing, 0...1; 0 for none.
  public var hedgeShare = Self.usualHedgeShare
  /// How jobs are sent to nodes.
  public var routing = RoutingPolicyName.foreseen
  /// Whether workers that have nothing to do load engines for jobs that are foreseen.
  public var prewarms = true

  public init(
    heartbeatMS: Int = 1000, queueLimit: Int = 10_000, retrainAfter: Int = 200, selectorPath: String? = nil
  ) {
    self.heartbeatMS = heartbeatMS
    self.queueLimit = queueLimit
    self.retrainAfter = retrainAfter
    self.selectorPath = selectorPath
  }

  var ledgerLimits: JobLedger.Limits {
    var limits = JobLedger.Limits()
    limits.queuedJobs = queueLimit
    limits.attempts = attemptLimit
    limits.revokePatience = .seconds(revokePatienceSeconds)
    limits.adoptionPatience = .seconds(adoptionPatienceSeconds)
    limits.leaseSilence = .seconds(leaseSilenceSeconds)
    limits.hedgeShare = hedgeShare
    return limits
  }
}
