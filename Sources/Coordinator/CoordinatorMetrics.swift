/// What a coordinator counted since its start. Each limit has a number that shows how often it was reached.
public struct CoordinatorMetrics: Hashable, Codable, Sendable {
  /// Submits and benchmarks answered "try again" because a queue was full.
  public var queueLimitReached = 0
  /// Requests refused because of what they asked.
  public var requestsRefused = 0
  /// Peers refused at hello: another protocol version, a worker's message with a client's key.
  public var peersRefused = 0
  public var jobsAccepted = 0
  public var jobsEnded = 0
  /// Answers to a repeated idempotency key.
  public var submitsRepeated = 0
  public var leasesGiven = 0
  /// Leases that ended without a report.
  public var leasesLost = 0
  /// Token chunks ignored: of a dead lease, shown already, or beyond what was asked.
  public var tokensIgnored = 0
  /// Streams that lost a chunk on the way; their clients get the rest with the end of the job.
  public var streamsBroken = 0
  public var reportsStored = 0
  /// Reports of leases that had ended: kept as evidence only.
  public var lateReports = 0
  /// Writes the history refused (disk full, read-only).
  public var writesFailed = 0
  /// Answers dropped because a client did not read.
  public var answersDropped = 0
  public var workersLost = 0
  /// Trials told to stop: for a job, because they were silent, or because their benchmark was cancelled.
  public var trialsStopped = 0
  public var rankings = 0
  public var trainings = 0
  /// Newly trained selectors that were refused, and that were taken back after their first jobs.
  public var selectorsRefused = 0
  public var selectorsTakenBack = 0
  /// Drifts and engine versions after which earlier measurements of a node count for less.
  public var knowledgeChanges = 0
  /// Jobs that were sent elsewhere than to what is believed best, to learn.
  public var explorations = 0
  /// Jobs that were given to a second node, because the first said nothing for much longer than was foreseen, and those
  /// that the second was first with, or alone in the end.
  public var hedges = 0
  public var hedgesWon = 0
  /// Times that a silent job was not, because as many as may be were.
  public var hedgeLimitReached = 0
  /// Engines that workers were told to load before a job asked for them.
  public var prewarms = 0

  public init() {}
}
