public import Serving

/// What a client (command line, gateway) asks a coordinator.
public enum ClientRequest: Hashable, Sendable {
  /// Answered by `accepted`, then `tokens` as they come, then `jobEnded`; by `jobWaiting` in between, each time there
  /// comes to be no node for it. A client that goes away loses only the stream.
  indirect case submit(JobSpec)
  /// Newest first, without what was asked. With a tenant only what the asking client submitted on its behalf.
  case listJobs(state: JobState?, limit: Int, tenant: String? = nil)
  /// Answered like `submit` from where the job is now.
  case watchJob(JobID)
  case showJob(JobID)
  case cancelJob(JobID)
  case retryJob(JobID)
  indirect case recommend(RecommendQuery)
  /// Answered by `benchmarkProgress` while it runs, then `benchmarkEnded`.
  indirect case benchmark(BenchmarkSpec)
  case cancelBenchmark(BenchmarkID)
  case listWorkers
  /// Models known to the history, with the workers that have them.
  case listModels
  case historyStats
  /// How the coordinator does; answered by `status`.
  case showStatus
  /// Train on what is stored now; answered by `trained`.
  case train
  /// Send a piece of a model to a worker; answered by `modelOffset`.
  indirect case pushModel(WorkerName, ModelChunk)
  /// What this worker would run for a strategy; answered by `launch`. Nothing is started.
  indirect case planLaunch(WorkerName, LaunchQuery)
  /// Measure placements of a model's experts on live workers; answered by `placementNews` until `ended`. Given up with
  /// `cancelBenchmark`, and when the client goes away.
  indirect case benchmarkPlacement(PlacementBenchmarkSpec)
}

/// What the coordinator answers, under the number of the request; see the requests for which follow which.
public enum ClientResponse: Hashable, Sendable {
  case accepted(JobRecord)
  case tokens(TokenChunk)
  /// Nothing runs the job until a node comes that can, and why: for the client to tell, or to lose patience.
  case jobWaiting(JobID, reason: String)
  indirect case jobEnded(JobEnd)
  case jobs([JobRecord])
  case job(JobRecord, JobFigures?)
  indirect case recommendation(Recommendation)
  indirect case benchmarkProgress(BenchmarkProgress)
  indirect case benchmarkEnded(BenchmarkSummary)
  case workers([WorkerStatus])
  case models([ModelStatus])
  indirect case historyStats(HistoryStats)
  indirect case status(CoordinatorStatus)
  case trained(TrainingSummary)
  indirect case modelOffset(ModelOffset)
  indirect case launch(EngineLaunch)
  case placementNews(PlacementNews)
  case done
  case failure(ApusError)

  /// Whether no further answer to the same request follows.
  public var isLast: Bool {
    switch self {
    case .accepted, .tokens, .jobWaiting, .benchmarkProgress: false
    case .placementNews(let news): news == .ended
    default: true
    }
  }
}

/// How a job ended, for whoever was told of it when it was accepted.
public struct JobEnd: Hashable, Sendable {
  public var job: JobID
  /// As it ended.
  public var standing: JobStanding
  /// Of its last run; nil where that was not completed.
  public var figures: JobFigures?

  public init(_ record: JobRecord, _ figures: JobFigures?) {
    self.init(job: record.id, standing: record.standing, figures: figures)
  }

  public init(job: JobID, standing: JobStanding, figures: JobFigures?) {
    self.job = job
    self.standing = standing
    self.figures = figures
  }

  /// The job as it is now, from what it was when it was accepted.
  ///
  /// - Throws: `bug` where another job was accepted, or none.
  public func record(from accepted: JobRecord?) throws(ApusError) -> JobRecord {
    guard var record = accepted, record.id == job else {
      throw ApusError(.bug, "the coordinator ended the job \(job), which it had not accepted here")
    }
    record.standing = standing
    return record
  }
}

/// Which strategy for a task, on which node?
public struct RecommendQuery: Hashable, Codable, Sendable {
  public var model: ModelID
  public var workload: Workload
  public var objective: Objective
  public var limits: Limits
  /// Only this worker; nil for all.
  public var worker: WorkerName?
  /// A machine nobody has measured, in place of the workers.
  public var hardware: HardwareProfile?
  /// Whether every applicable candidate is wanted with all its figures, not just the first ones.
  public var inFull: Bool
  /// Whether an `Explanation` is wanted.
  public var explains: Bool

  public init(
    model: ModelID, workload: Workload, objective: Objective, limits: Limits = Limits(), worker: WorkerName? = nil,
    hardware: HardwareProfile? = nil, inFull: Bool = false, explains: Bool = false
  ) {
    self.model = model
    self.workload = workload
    self.objective = objective
    self.limits = limits
    self.worker = worker
    self.hardware = hardware
    self.inFull = inFull
    self.explains = explains
  }
}

/// How far a benchmark is. Blocks are those of all its nodes.
public struct BenchmarkProgress: Hashable, Codable, Sendable {
  public var benchmark: BenchmarkID
  /// `screening`, `paired`, `confirmation` or `training`.
  public var phase: String
  public var completedBlocks: Int
  public var plannedBlocks: Int
  public var elapsedSeconds: Double
  /// What was measured last, in words.
  public var latest: String

  public init(
    benchmark: BenchmarkID, phase: String, completedBlocks: Int, plannedBlocks: Int, elapsedSeconds: Double,
    latest: String
  ) {
    self.benchmark = benchmark
    self.phase = phase
    self.completedBlocks = completedBlocks
    self.plannedBlocks = plannedBlocks
    self.elapsedSeconds = elapsedSeconds
    self.latest = latest
  }
}

/// What a benchmark found for one model, workload and worker.
public struct BenchmarkFinding: Hashable, Codable, Sendable {
  public var model: ModelID
  public var worker: WorkerName
  public var workload: Workload
  /// The best exact candidate of the paired rounds; the default itself when nothing was better.
  public var best: Candidate
  /// The engine's default in the confirmation rounds; nil when it could not be run.
  public var defaultMetrics: Metrics?
  /// `best` in the confirmation rounds (medians over its blocks).
  public var bestMetrics: Metrics?
  /// Geometric mean of the paired speed-ups on fresh prompts, > 1 when `best` is better; nil when `best` is the
  /// default.
  public var speedup: Double?
  /// 90% interval of the speed-up from the paired ratios.
  public var speedupInterval: ClosedRange<Double>?
  public var pairCount: Int
  /// The best approximate candidate and its speed-up from the paired rounds, shown apart; nil when none was tried.
  public var approximate: Candidate?
  public var approximateSpeedup: Double?
  /// What the selector foresaw for `best` before the confirmation rounds; nil when it was not asked.
  public var predicted: PredictedMetrics?

  public init(
    model: ModelID, worker: WorkerName, workload: Workload, best: Candidate, defaultMetrics: Metrics? = nil,
    bestMetrics: Metrics? = nil, speedup: Double? = nil, speedupInterval: ClosedRange<Double>? = nil,
    pairCount: Int = 0, approximate: Candidate? = nil, approximateSpeedup: Double? = nil,
    predicted: PredictedMetrics? = nil
  ) {
    self.model = model
    self.worker = worker
    self.workload = workload
    self.best = best
    self.defaultMetrics = defaultMetrics
    self.bestMetrics = bestMetrics
    self.speedup = speedup
    self.speedupInterval = speedupInterval
    self.pairCount = pairCount
    self.approximate = approximate
    self.approximateSpeedup = approximateSpeedup
    self.predicted = predicted
  }

  /// Whether the whole interval lies above 1: anything else is "no gain".
  public var isConfirmedGain: Bool { (speedupInterval?.lowerBound ?? 0) > 1 }
}

/// What is known of the quality of one configuration of a model.
public struct CandidateQuality: Hashable, Codable, Sendable {
  public var model: ModelID
  /// With the fidelity that its methods promise.
  public var candidate: Candidate
  public var loss: QualityLoss

  public init(model: ModelID, candidate: Candidate, loss: QualityLoss) {
    self.model = model
    self.candidate = candidate
    self.loss = loss
  }
}

/// All that a benchmark found, when it is over or out of time.
public struct BenchmarkSummary: Hashable, Codable, Sendable {
  public var benchmark: BenchmarkID
  public var findings: [BenchmarkFinding]
  public var measurementCount: Int
  /// By outcome: how many measurements ended so.
  public var outcomes: [String: Int]
  public var elapsedSeconds: Double
  /// Whether the budget ran out before the plan was done.
  public var wasCutShort: Bool
  /// Every candidate of the benchmark whose quality was measured, in this benchmark or before.
  public var qualities: [CandidateQuality]

  public init(
    benchmark: BenchmarkID, findings: [BenchmarkFinding], measurementCount: Int, outcomes: [String: Int],
    elapsedSeconds: Double, wasCutShort: Bool, qualities: [CandidateQuality] = []
  ) {
    self.benchmark = benchmark
    self.findings = findings
    self.measurementCount = measurementCount
    self.outcomes = outcomes
    self.elapsedSeconds = elapsedSeconds
    self.wasCutShort = wasCutShort
    self.qualities = qualities
  }
}

/// A worker as the coordinator sees it now, alive or lost.
public struct WorkerStatus: Hashable, Codable, Sendable {
  public var name: WorkerName
  public var description: WorkerDescription
  public var isAlive: Bool
  /// Seconds since it was last heard of.
  public var silentSeconds: Double
  public var leaseCount: Int
  public var warmConfigurations: [String]
  /// Why what was measured on it before counts for less now, in words; in the order it was noticed.
  public var changes: [String]

  public init(
    name: WorkerName, description: WorkerDescription, isAlive: Bool, silentSeconds: Double, leaseCount: Int,
    warmConfigurations: [String], changes: [String] = []
  ) {
    self.name = name
    self.description = description
    self.isAlive = isAlive
    self.silentSeconds = silentSeconds
    self.leaseCount = leaseCount
    self.warmConfigurations = warmConfigurations
    self.changes = changes
  }
}

/// A model that the history knows, and the live workers that have its file.
public struct ModelStatus: Hashable, Codable, Sendable {
  public var profile: ModelProfile
  public var workers: [WorkerName]

  public init(profile: ModelProfile, workers: [WorkerName]) {
    self.profile = profile
    self.workers = workers
  }
}

/// What became of a training that a client asked for.
public struct TrainingSummary: Hashable, Codable, Sendable {
  /// Measurements used.
  public var rowCount: Int
  public var seconds: Double
  /// Whether the new model now serves.
  public var wasPromoted: Bool
  /// Why, in words.
  public var reason: String

  public init(rowCount: Int, seconds: Double, wasPromoted: Bool, reason: String) {
    self.rowCount = rowCount
    self.seconds = seconds
    self.wasPromoted = wasPromoted
    self.reason = reason
  }
}
