/// Where a job stands: whether it runs, where, as what, and what came of it so far.
public struct JobStanding: Hashable, Codable, Sendable {
  public var state: JobState
  /// Milliseconds since 1970-01-01 UTC; nil until it ends.
  public var finishedAtMS: Int64?
  /// Where it ran last.
  public var worker: WorkerName?
  /// As what it ran last.
  public var configuration: EngineConfiguration?
  /// What the selector foresaw for where it ran.
  public var predicted: PredictedMetrics?
  /// Generated text, complete once the state is `completed`.
  public var output: String
  /// Why it failed.
  public var failure: String?
  /// The measurement of its last run.
  public var measurement: MeasurementID?
  /// Times it was given to a worker.
  public var attemptCount: Int
  /// Whether its last run tried something other than what was believed best, to learn from it.
  public var isExploration: Bool
  /// Why it does not run yet, in words, at the moment somebody asked; nil for one that runs or has ended, and in the
  /// history.
  public var waitReason: String?
  /// Why the answer ended; nil until then, and where nobody said.
  public var finishReason: FinishReason?
  /// What the answer calls, complete once the state is `completed`.
  public var toolCalls: [ToolCall]

  public init(
    state: JobState = .queued, finishedAtMS: Int64? = nil, worker: WorkerName? = nil,
    configuration: EngineConfiguration? = nil, predicted: PredictedMetrics? = nil, output: String = "",
    failure: String? = nil, measurement: MeasurementID? = nil, attemptCount: Int = 0, isExploration: Bool = false,
    waitReason: String? = nil, finishReason: FinishReason? = nil, toolCalls: [ToolCall] = []
  ) {
    self.state = state
    self.finishedAtMS = finishedAtMS
    self.worker = worker
    self.configuration = configuration
    self.predicted = predicted
    self.output = output
    self.failure = failure
    self.measurement = measurement
    self.attemptCount = attemptCount
    self.isExploration = isExploration
    self.waitReason = waitReason
    self.finishReason = finishReason
    self.toolCalls = toolCalls
  }
}
