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

extension CoordinatorMetrics {
  /// One of the counts, as it is called and explained where it is read.
  public struct Counter {
    public var name: String
    public var meaning: String
    public var count: WritableKeyPath<CoordinatorMetrics, Int>
  }

  /// All counts, by name: what goes over the wire and what Prometheus reads.
  public static var counters: [Counter] {
    [
      Counter(name: "jobs_accepted", meaning: "Jobs accepted.", count: \.jobsAccepted),
      Counter(name: "jobs_ended", meaning: "Jobs that ended, however.", count: \.jobsEnded),
      Counter(name: "submits_repeated", meaning: "Answers to a repeated idempotency key.", count: \.submitsRepeated),
      Counter(
        name: "queue_full", meaning: "Requests answered try again, as a queue was full.", count: \.queueLimitReached),
      Counter(
        name: "requests_refused", meaning: "Requests refused because of what they asked.", count: \.requestsRefused),
      Counter(name: "peers_refused", meaning: "Peers refused at hello.", count: \.peersRefused),
      Counter(name: "leases_given", meaning: "Jobs and trials given to workers.", count: \.leasesGiven),
      Counter(name: "leases_lost", meaning: "Leases that ended without a report.", count: \.leasesLost),
      Counter(name: "workers_lost", meaning: "Times a worker was lost.", count: \.workersLost),
      Counter(name: "reports_stored", meaning: "Measurements stored.", count: \.reportsStored),
      Counter(name: "late_reports", meaning: "Reports of ended leases, kept as evidence only.", count: \.lateReports),
      Counter(name: "writes_failed", meaning: "Writes that the history refused.", count: \.writesFailed),
      Counter(
        name: "answers_dropped", meaning: "Answers dropped, as their client did not read.", count: \.answersDropped),
      Counter(
        name: "tokens_ignored", meaning: "Pieces of streams ignored as dead, shown or unasked.", count: \.tokensIgnored),
      Counter(name: "streams_broken", meaning: "Streams that lost a piece on the way.", count: \.streamsBroken),
      Counter(name: "trials_stopped", meaning: "Trials told to stop.", count: \.trialsStopped),
      Counter(name: "rankings", meaning: "Rankings of strategies.", count: \.rankings),
      Counter(name: "trainings", meaning: "Trainings of the selector.", count: \.trainings),
      Counter(
        name: "selectors_refused", meaning: "Trained selectors that were not promoted.", count: \.selectorsRefused),
      Counter(
        name: "selectors_taken_back", meaning: "Selectors taken back after their first jobs.",
        count: \.selectorsTakenBack),
      Counter(name: "knowledge_changes", meaning: "Drifts and new engine versions noticed.", count: \.knowledgeChanges),
      Counter(
        name: "explorations", meaning: "Jobs sent elsewhere than to the best known, to learn.", count: \.explorations),
      Counter(name: "hedges", meaning: "Silent jobs given to a second node.", count: \.hedges),
      Counter(name: "hedges_won", meaning: "Those that the second node answered.", count: \.hedgesWon),
      Counter(
        name: "hedge_limit_reached", meaning: "Silent jobs not hedged, as too many were of late.",
        count: \.hedgeLimitReached),
      Counter(name: "prewarms", meaning: "Engines loaded before a job asked for them.", count: \.prewarms),
    ]
  }
}
