/// What a job asks the model.
public enum Prompt: Hashable, Codable, Sendable {
  /// Completed as it stands.
  case text(String)
  /// Put through the model's chat template.
  case chat([ChatMessage])
}

public struct ChatMessage: Hashable, Codable, Sendable {
  public var role: String
  public var content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

/// One request to a model.
public struct JobSpec: Hashable, Codable, Sendable {
  public var model: ModelID
  public var prompt: Prompt
  /// Most tokens to generate, at least 1.
  public var maxTokens: Int
  /// 0 is greedy.
  public var temperature: Double
  public var seed: UInt64
  public var objective: Objective
  public var limits: Limits
  /// Jobs with the same key from the same client are one job. Nil when the client gave none.
  public var idempotencyKey: String?
  /// Generate past the end-of-sequence token, for benchmarks.
  public var ignoresEndOfSequence: Bool

  public init(
    model: ModelID, prompt: Prompt, maxTokens: Int, temperature: Double = 0, seed: UInt64 = 0,
    objective: Objective = .e2e, limits: Limits = Limits(), idempotencyKey: String? = nil,
    ignoresEndOfSequence: Bool = false
  ) {
    self.model = model
    self.prompt = prompt
    self.maxTokens = maxTokens
    self.temperature = temperature
    self.seed = seed
    self.objective = objective
    self.limits = limits
    self.idempotencyKey = idempotencyKey
    self.ignoresEndOfSequence = ignoresEndOfSequence
  }

  /// The shape the selector sees. Without the tokenizer at hand a token is taken as four bytes of text.
  public var workload: Workload {
    let bytes =
      switch prompt {
      case .text(let text): text.utf8.count
      case .chat(let messages): messages.reduce(0) { $0 + $1.content.utf8.count + 16 }
      }
    let prompt = max(1, bytes / 4)
    return Workload(
      name: "job", promptTokens: prompt...prompt, outputTokens: maxTokens...maxTokens, requestCount: 1)
  }
}

public enum JobState: String, Codable, Sendable, CaseIterable {
  case queued, running, completed, failed, cancelled

  public var isFinished: Bool { self == .completed || self == .failed || self == .cancelled }
}

/// A job as the history knows it.
public struct JobRecord: Hashable, Codable, Sendable {
  public var id: JobID
  /// The authenticated name of the client that submitted it; idempotency keys belong to a client.
  public var client: String
  @Boxed public var spec: JobSpec
  public var state: JobState
  /// Milliseconds since 1970-01-01 UTC.
  public var submittedAtMS: Int64
  public var finishedAtMS: Int64?
  /// Where it ran last.
  public var worker: WorkerName?
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

  public init(
    id: JobID, client: String, spec: JobSpec, state: JobState = .queued, submittedAtMS: Int64,
    finishedAtMS: Int64? = nil, worker: WorkerName? = nil, configuration: EngineConfiguration? = nil,
    predicted: PredictedMetrics? = nil, output: String = "", failure: String? = nil,
    measurement: MeasurementID? = nil, attemptCount: Int = 0
  ) {
    self.id = id
    self.client = client
    self.spec = spec
    self.state = state
    self.submittedAtMS = submittedAtMS
    self.finishedAtMS = finishedAtMS
    self.worker = worker
    self.configuration = configuration
    self.predicted = predicted
    self.output = output
    self.failure = failure
    self.measurement = measurement
    self.attemptCount = attemptCount
  }
}
