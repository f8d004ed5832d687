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
    var submittedAtMS: Int64
    var standing: JobStanding
  }

  @Boxed private var fields: Fields

  public var id: JobID { fields.id }
  /// The authenticated name of the client that submitted it.
  public var client: String { fields.client }
  /// The request as it came.
  public var spec: JobSpec { fields.spec }
  /// Milliseconds since 1970-01-01 UTC.
  public var submittedAtMS: Int64 {
    get { fields.submittedAtMS }
    set { fields.submittedAtMS = newValue }
  }
  /// What of the record changes. Its fields are the record's own, too.
  public var standing: JobStanding {
    get { fields.standing }
    set { fields.standing = newValue }
  }

  public var state: JobState {
    get { fields.standing.state }
    set { fields.standing.state = newValue }
  }
  public var finishedAtMS: Int64? {
    get { fields.standing.finishedAtMS }
    set { fields.standing.finishedAtMS = newValue }
  }
  public var worker: WorkerName? {
    get { fields.standing.worker }
    set { fields.standing.worker = newValue }
  }
  public var configuration: EngineConfiguration? {
    get { fields.standing.configuration }
    set { fields.standing.configuration = newValue }
  }
  public var predicted: PredictedMetrics? {
    get { fields.standing.predicted }
    set { fields.standing.predicted = newValue }
  }
  public var output: String {
    get { fields.standing.output }
    set { fields.standing.output = newValue }
  }
  public var failure: String? {
    get { fields.standing.failure }
    set { fields.standing.failure = newValue }
  }
  public var measurement: MeasurementID? {
    get { fields.standing.measurement }
    set { fields.standing.measurement = newValue }
  }
  public var attemptCount: Int {
    get { fields.standing.attemptCount }
    set { fields.standing.attemptCount = newValue }
  }
  public var isExploration: Bool {
    get { fields.standing.isExploration }
    set { fields.standing.isExploration = newValue }
  }
  public var waitReason: String? {
    get { fields.standing.waitReason }
    set { fields.standing.waitReason = newValue }
  }
  public var finishReason: FinishReason? {
    get { fields.standing.finishReason }
    set { fields.standing.finishReason = newValue }
  }
  public var toolCalls: [ToolCall] {
    get { fields.standing.toolCalls }
    set { fields.standing.toolCalls = newValue }
  }

  public init(id: JobID, client: String, spec: JobSpec, submittedAtMS: Int64, standing: JobStanding = JobStanding()) {
    fields = Fields(id: id, client: client, spec: spec, submittedAtMS: submittedAtMS, standing: standing)
  }

  /// The same with an empty prompt, no tools and no schema, for lists.
  public var withoutQuestion: JobRecord {
    var record = self
    record.fields.spec.prompt = .text("")
    record.fields.spec.tools = nil
    record.fields.spec.sampling?.schema = nil
    return record
  }
}
