/// From `queued` on: `running` while a worker has a lease, and back when that is lost; the other three are ends.
public enum JobState: String, Codable, Sendable, CaseIterable {
  case queued, running, completed, failed, cancelled

  public var isFinished: Bool { self == .completed || self == .failed || self == .cancelled }
}

/// A job as the history knows it.
///
/// Handed on at each of its steps and read at few, so all of it is behind one reference.
public struct JobRecord: Hashable, Sendable {
  private struct Fields: Hashable, Codable, Sendable {
    var id: JobID
    var client: String
    var spec: JobSpec
    var state: JobState
    var submittedAtMS: Int64
    var finishedAtMS: Int64?
    var worker: WorkerName?
    var configuration: EngineConfiguration?
    var predicted: PredictedMetrics?
    var output: String
    var failure: String?
    var measurement: MeasurementID?
    var attemptCount: Int
    var isExploration: Bool
    var waitReason: String?
    var finishReason: FinishReason?
    var toolCalls: [ToolCall]
  }

  @Boxed private var fields: Fields

  public var id: JobID { fields.id }
  /// The authenticated name of the client that submitted it.
  public var client: String { fields.client }
  /// The request as it came.
  public var spec: JobSpec { fields.spec }
  public var state: JobState {
    get { fields.state }
    set { fields.state = newValue }
  }
  /// Milliseconds since 1970-01-01 UTC.
  public var submittedAtMS: Int64 {
    get { fields.submittedAtMS }
    set { fields.submittedAtMS = newValue }
  }
  public var finishedAtMS: Int64? {
    get { fields.finishedAtMS }
    set { fields.finishedAtMS = newValue }
  }
  /// Where it ran last.
  public var worker: WorkerName? {
    get { fields.worker }
    set { fields.worker = newValue }
  }
  public var configuration: EngineConfiguration? {
    get { fields.configuration }
    set { fields.configuration = newValue }
  }
  /// What the selector foresaw for where it ran.
  public var predicted: PredictedMetrics? {
    get { fields.predicted }
    set { fields.predicted = newValue }
  }
  /// Generated text, complete once the state is `completed`.
  public var output: String {
    get { fields.output }
    set { fields.output = newValue }
  }
  /// Why it failed.
  public var failure: String? {
    get { fields.failure }
    set { fields.failure = newValue }
  }
  /// The measurement of its last run.
  public var measurement: MeasurementID? {
    get { fields.measurement }
    set { fields.measurement = newValue }
  }
  /// Times it was given to a worker.
  public var attemptCount: Int {
    get { fields.attemptCount }
    set { fields.attemptCount = newValue }
  }
  /// Whether its last run tried something other than what was believed best, to learn from it.
  public var isExploration: Bool {
    get { fields.isExploration }
    set { fields.isExploration = newValue }
  }
  /// Why it does not run yet, in words, at the moment somebody asked; nil for one that runs or has ended, and in the
  /// history.
  public var waitReason: String? {
    get { fields.waitReason }
    set { fields.waitReason = newValue }
  }

  /// Why the answer ended; nil until then, and where nobody said.
  public var finishReason: FinishReason? {
    get { fields.finishReason }
    set { fields.finishReason = newValue }
  }
  /// What the answer calls, complete once the state is `completed`.
  public var toolCalls: [ToolCall] {
    get { fields.toolCalls }
    set { fields.toolCalls = newValue }
  }

  public init(
    id: JobID, client: String, spec: JobSpec, state: JobState = .queued, submittedAtMS: Int64,
    finishedAtMS: Int64? = nil, worker: WorkerName? = nil, configuration: EngineConfiguration? = nil,
    predicted: PredictedMetrics? = nil, output: String = "", failure: String? = nil,
    measurement: MeasurementID? = nil, attemptCount: Int = 0, isExploration: Bool = false, waitReason: String? = nil,
    finishReason: FinishReason? = nil, toolCalls: [ToolCall] = []
  ) {
    fields = Fields(
      id: id, client: client, spec: spec, state: state, submittedAtMS: submittedAtMS, finishedAtMS: finishedAtMS,
      worker: worker, configuration: configuration, predicted: predicted, output: output, failure: failure,
      measurement: measurement, attemptCount: attemptCount, isExploration: isExploration, waitReason: waitReason,
      finishReason: finishReason, toolCalls: toolCalls)
  }
}
