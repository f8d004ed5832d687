public import Messaging
public import Selection
public import Serving

/// What happens to a ledger. What is large and rare is indirect, so that the others move few bytes.
public enum LedgerEvent: Sendable {
  /// A new job that is stored, or need not be before it begins; takes the place that `reserve(for:)` kept.
  case jobStored(JobRecord)
  /// The job could not be stored: its place is free again.
  case jobNotStored
  /// An unfinished job from the history, after a restart.
  case jobRestored(JobRecord)
  /// The answer to `rank`, best first, and what a job could try to learn from.
  indirect case routed(RouteKey, [RouteChoice], exploring: [ExplorationOption] = [])
  /// No worker can ever run jobs of this key, and why.
  indirect case unroutable(RouteKey, reason: String, FinishReason? = nil)
  /// Evidence or workers changed: rank again before the next job of each key.
  case routesStale
  /// A worker said hello; also when it was known.
  indirect case workerJoined(WorkerName, WorkerDescription)
  case workerLost(WorkerName)
  /// It takes no more work; what it has it gives up by reports.
  case workerStopping(WorkerName)
  /// The leases a worker says it works on, and the fingerprints of what it has loaded, if it says, and of what it loads
  /// before a job asks for it.
  case heartbeat(WorkerName, leases: [LeaseID], warm: [String]? = nil, warming: String? = nil)
  case tokens(WorkerName, TokenChunk)
  case report(WorkerName, Report)
  /// The answers to `storeReport`.
  case reportStored(LeaseID, MeasurementID)
  case reportNotStored(LeaseID, MeasurementID)
  /// The store will never take this report (not a full disk, but what it says): its lease ends without it.
  case reportUnstorable(LeaseID, MeasurementID)
  indirect case trialPlanned(TrialSpec, WorkerName)
  /// A trial of placements on several workers, the hub first; every one of them hosts.
  indirect case placementPlanned(TrialID, PlacementBenchmarkSpec, [WorkerName])
  case hostingAnswered(WorkerName, HostingAnswer)
  case placementReport(WorkerName, PlacementReport)
  /// The trial is wanted no more.
  case trialWithdrawn(TrialID)
  case cancel(JobID)
  /// The answers to `storeEnding`.
  case endingStored(JobID)
  case endingNotStored(JobID)
  /// Time went on: look at the deadlines.
  case tick
}

/// What a ledger wants done. The caller does all of them, in order.
public enum LedgerAction: Hashable, Sendable {
  /// Send it. For a job, the record says that it runs now; storing it is not urgent.
  case assign(WorkerName, Assignment, JobRecord?)
  case revoke(WorkerName, LeaseID)
  /// Show these tokens: the next ones of the job, never shown before.
  case relay(TokenChunk)
  /// Store the measurement, and with it the ended job; then answer with `reportStored`,
  /// `reportNotStored` or `reportUnstorable`.
  case storeReport(WorkerName, Report, JobRecord?)
  /// Stored already: only tell the worker so.
  case acknowledge(WorkerName, MeasurementID)
  /// A measurement whose lease is over: store it for what it says, and tell the worker.
  case storeEvidence(WorkerName, Measurement)
  /// Store the end of a job that has no measurement; then answer with `endingStored` or `endingNotStored`.
  case storeEnding(JobRecord)
  /// The end is stored: tell those who watch.
  case jobEnded(JobRecord, Measurement?)
  /// Rank the choices for this key and answer with `routed` or `unroutable`.
  indirect case rank(RouteKey)
  /// The job waits, and no worker is connected that could run it: tell those who watch.
  case jobStranded(JobRecord)
  /// A block of a trial is stored.
  case trialMeasured(TrialID, Measurement)
  case trialEnded(TrialID, TrialEnding)
  /// What the hub of a trial of placements says, or why it could not begin.
  indirect case placementReported(TrialID, Result<PlacementNews, ApusError>)
  /// A chunk of tokens was not for anybody; only counted.
  case ignoredTokens
  /// A chunk was lost on the way: the rest of the output comes with the end. Only counted.
  case streamBroken(JobID)
  /// The job was given to a second node, as its first is silent: one attempt more, the record says. Storing it is not
  /// urgent.
  case hedged(JobRecord)
  /// The job is the second node's, which spoke first or is the only one left. Storing it is not urgent.
  case hedgeWon(JobRecord)
  /// The job is silent, but as many as may be were given to a second node; only counted.
  case hedgeLimited(JobID)
  /// Tell the worker to load an engine before a job asks for it.
  indirect case warmUp(WorkerName, EngineWarmUp)
  /// A lease ended without a report; only counted and logged.
  case leaseLost(WorkerName, LeaseID)
  /// The job's worker was lost while it ran it: worth a row in the history, though nothing was measured.
  case storeLoss(JobRecord)
}

/// How a trial's lease ended.
public enum TrialEnding: String, Hashable, Sendable {
  /// The worker did what it could within the time limit.
  case finished
  /// Stopped on the way, for a job or because it was silent: what is missing may be planned again.
  case cancelled
  case workerLost
}
