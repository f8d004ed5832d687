import DequeModule
import Messaging
import Selection
import Serving

/// A job that has not ended, or whose end is not stored yet.
struct JobEntry: Sendable {
  enum State: Hashable, Sendable {
    case queued
    /// Was running when the coordinator stopped; its worker may come back with it until then.
    case awaiting(WorkerName, until: Duration)
    case leased(LeaseID)
    /// Ended without a measurement; `isStoring` while the store has it in hand.
    case ending(isStoring: Bool)
  }

  var record: JobRecord
  var state: State
  /// Place in the order of arrival.
  let sequence: Int
  /// What the router knows of it, and the key it was queued with; nil until it was queued.
  var routing: RoutingJob?
  var key: RouteKey?
  /// The node whose queue it is in, by the router's number.
  var node: Int?
  /// Tokens accepted for showing, and their text: what a resumed run goes on from.
  var tokenIDs: [Int32] = []
  var text = ""
  var logprobs: [TokenLogprob] = []
  var toolCalls: [ToolCallPiece] = []
  /// Beside the lease it runs under, while that is silent.
  var hedge: Hedge?
  /// Attempts that another one was before.
  var beatenCount = 0
  /// A chunk of the running lease was lost: nothing more of it is shown until its report.
  var streamBroken = false
  var cancelRequested = false
  /// Configurations that failed for this job, and where.
  var failed: [FailedChoice] = []

  /// Puts into a record what was accepted for showing.
  func show(in record: inout JobRecord) {
    record.output = text
    if !toolCalls.isEmpty { record.toolCalls = toolCalls.calls }
  }

  /// - Returns: the key that it waits with.
  mutating func queue(tokenLength: TokenLength) -> RouteKey {
    state = .queued
    if record.state != .queued { record.state = .queued }
    let key = RouteKey(record.spec, tokenLength: tokenLength)
    self.key = key
    return key
  }

  /// - Returns: what its worker is told, and the record that says so.
  mutating func run(as choice: RouteChoice, isExploration: Bool, under lease: LeaseID) -> (JobAssignment, JobRecord) {
    node = nil
    state = .leased(lease)
    record.state = .running
    record.worker = choice.worker
    record.configuration = choice.candidate.configuration
    record.predicted = choice.predicted
    record.attemptCount += 1
    if record.isExploration != isExploration { record.isExploration = isExploration }
    return (assignment(as: choice), record)
  }

  func assignment(as choice: RouteChoice) -> JobAssignment {
    JobAssignment(
      job: record.id, spec: record.spec, candidate: choice.candidate, generatedTokenIDs: tokenIDs,
      generatedText: text)
  }

  /// The record with which a report ends its job; nil when the job must go on elsewhere.
  ///
  /// - Parameter attempts: how often a job is tried.
  func record(endedBy report: Report, atMS now: Int64, attempts: Int) -> JobRecord? {
    var record = record
    record.measurement = report.measurement.id
    record.finishedAtMS = now
    switch report.measurement.outcome {
    case .completed:
      record.state = .completed
      record.output = report.output
      record.toolCalls = report.toolCalls
      record.finishReason = report.finishReason
    case .cancelled where report.finishReason?.isRefusal == true && !cancelRequested:
      // Another engine may know tools; what else is refused would be everywhere.
      if report.finishReason == .toolsRefused, hasAttemptsLeft(of: attempts) { return nil }
      record.state = .failed
      record.finishReason = report.finishReason
      record.failure = report.measurement.warnings.first ?? "the engine refused the request"
      record.output = text
    case .cancelled, .lostWorker:
      guard cancelRequested else { return nil }
      record.state = .cancelled
      show(in: &record)
    case .outOfMemory, .timedOut, .engineFailed:
      if cancelRequested {
        record.state = .cancelled
      } else if !hasAttemptsLeft(of: attempts) {
        record.state = .failed
        record.finishReason = report.finishReason
        record.failure =
          "tried \(record.attemptCount) times, the last time: \(report.measurement.outcome.explanation)"
      } else {
        return nil
      }
      show(in: &record)
    }
    return record
  }
}

struct FailedChoice: Hashable, Sendable {
  var worker: WorkerName
  var configuration: EngineConfiguration
}

/// The right of one worker to run one job or trial. That of a trial over several nodes is its hub's, and covers the others,
/// too: they are reserved with it and free with it.
struct Lease: Sendable {
  enum Work: Hashable, Sendable {
    case job(JobID)
    case trial(TrialID)
    /// A job's that another attempt has: until its worker has stopped it keeps its place there.
    case beaten
  }

  let worker: WorkerName
  /// Reserved for the same work; almost always none.
  let others: [WorkerName]
  var work: Work
  /// When its silence is long enough for a second node to be asked; nil for never, or not again.
  var hedgeAfter: Duration?
  /// Until when the hosts of a placement may take to open; nil once they have, and for all other work.
  var opensUntil: Duration?
  /// When it was given, or last gave a token or a report.
  var lastProgress: Duration
  /// Set once it was revoked: when the worker's silence about it is enough.
  var revokedUntil: Duration?
  /// Heartbeats in a row that did not list it: its holder's, and those of the others that missed any.
  private var missedHeartbeats = 0
  private var missedByOthers: [WorkerName: Int] = [:]
  /// The worker was lost while this lease's report was on its way to the store.
  var workerIsGone = false
  /// A job's report on its way to the store.
  var report: HeldReport?
  /// A trial's reports: on their way to the store, and there.
  var storing: [MeasurementID: Report] = [:]
  var stored: Set<MeasurementID> = []

  init(
    worker: WorkerName, others: [WorkerName] = [], work: Work, lastProgress: Duration, hedgeAfter: Duration? = nil
  ) {
    self.worker = worker
    self.others = others
    self.work = work
    self.lastProgress = lastProgress
    self.hedgeAfter = hedgeAfter
  }

  /// Its holder first.
  var members: [WorkerName] { [worker] + others }

  func covers(_ name: WorkerName) -> Bool { worker == name || !others.isEmpty && others.contains(name) }

  mutating func wasListed(by name: WorkerName) {
    if name == worker { missedHeartbeats = 0 } else { missedByOthers[name] = nil }
  }

  /// - Returns: heartbeats of this worker in a row that did not list it.
  mutating func wasMissed(by name: WorkerName) -> Int {
    guard name != worker else {
      missedHeartbeats += 1
      return missedHeartbeats
    }
    missedByOthers[name, default: 0] += 1
    return missedByOthers[name]!
  }

  mutating func hold(_ report: HeldReport, at now: Duration) {
    self.report = report
    lastProgress = now
  }
}

/// A job's report, and the job's record if the report ends it. An object, because leases are copied to be looked at.
final class HeldReport: Sendable {
  let report: Report
  let ended: JobRecord?

  init(_ report: Report, ended: JobRecord?) {
    self.report = report
    self.ended = ended
  }
}

struct WorkerEntry: Sendable {
  var machine: MachineID
  var jobCapacity: Int
  var models: Set<ModelID>
  /// Boxed: an entry is looked at for each job, its hardware is not.
  @Boxed var hardware: HardwareProfile
  /// Most bytes of weights there.
  var memoryBytes: Int
  var experts: ExpertEndpoint?
  /// Those that somebody else started.
  var attachedEngines: Set<EngineName> = []
  var leases: Set<LeaseID> = []
  /// Leases it named that are not its own; named twice, they are revoked.
  var strangeLeases: Set<LeaseID> = []
}

struct TrialEntry: Sendable {
  enum Work: Sendable {
    case benchmark(TrialSpec)
    indirect case placement(PlacementBenchmarkSpec)
  }

  let work: Work
  /// The first holds the lease, the others are reserved with it.
  let workers: [WorkerName]
  var lease: LeaseID?
  /// Where the hosts of a placement listen, of those that said so.
  var addresses: [WorkerName: String] = [:]
}

/// The jobs that share one key, and where they may go.
struct Route: Sendable {
  /// Nil until they were ranked.
  var ranked: RankedChoices?
  /// What an exploring job may try, and the same as choices, in the same order.
  var options: [ExplorationOption] = []
  var explored: RankedChoices?
  var isStale = false
  var isRanking = false
  /// Those that wait and are in no node's queue, by tag. An entry whose job is not queued any more (cancelled) is
  /// skipped.
  var waiting: Deque<JobID> = []
  /// Those that are in nodes' queues.
  var placedCount = 0
  /// Whether no worker is connected that could run its jobs, and it was said of each of them.
  var isStranded = false
  /// Jobs that came while it was so, and of which it was not said yet.
  var newcomers: [JobID] = []

  /// - Parameter isBefore: whether a job that waits here goes before the new one.
  mutating func enqueue(_ job: JobID, after isBefore: (JobID) -> Bool) {
    var place = waiting.count
    while place > 0, !isBefore(waiting[place - 1]) { place -= 1 }
    waiting.insert(job, at: place)
    if isStranded { newcomers.append(job) }
  }

  /// - Returns: the jobs of which it is to be said now that they have nowhere to go.
  mutating func strand(_ isStranded: Bool) -> [JobID] {
    let untold = !isStranded ? [] : self.isStranded ? newcomers : Array(waiting)
    self.isStranded = isStranded
    newcomers = []
    return untold
  }

  /// Whether it is to be ranked, now or again; asked once, it says no until it was.
  mutating func startRanking() -> Bool {
    guard !isRanking, ranked == nil || isStale else { return false }
    isRanking = true
    isStale = false
    return true
  }
}
