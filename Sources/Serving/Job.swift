/// What a job asks the model.
public enum Prompt: Hashable, Codable, Sendable {
  /// Completed as it stands.
  case text(String)
  /// Put through the model's chat template.
  case chat([ChatMessage])
}

/// One turn of a conversation, as OpenAI's `messages` have them.
public struct ChatMessage: Hashable, Codable, Sendable {
  public var role: String
  public var content: String
  /// What an answer of before called; nil where it called nothing.
  public var toolCalls: [ToolCall]?
  /// Of a message of role `tool`, the call that it is the result of.
  public var toolCallID: String?

  public init(role: String, content: String, toolCalls: [ToolCall]? = nil, toolCallID: String? = nil) {
    self.role = role
    self.content = content
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
  }

  private enum CodingKeys: String, CodingKey {
    case role, content
    case toolCalls = "tool_calls"
    case toolCallID = "tool_call_id"
  }

  public var textBytes: Int { content.utf8.count + (toolCalls ?? []).reduce(0) { $0 + $1.textBytes } }
}

/// How tokens are drawn and what ends an answer, beyond temperature, seed and length.
public struct Sampling: Hashable, Codable, Sendable {
  /// Texts at which the answer ends; they are no part of it.
  public var stop: [String]
  /// Tokens are drawn from the most probable that have this share of the probability together, above 0 and at most 1; nil
  /// for the engine's own.
  public var topP: Double?
  /// How many of the most probable tokens are wanted at each place of the answer, with their log-probabilities: 0 for
  /// the generated one's alone, at most `TokenLogprob.mostAlternatives`. Nil for none.
  public var logprobs: Int?
  /// JSON Schema, as JSON, to which the answer must conform: only tokens that can lead there are drawn. Nil for any text.
  public var schema: String?
  /// Taken from the logit of a token for each time that it came already, -2 ... 2; nil for the engine's own.
  public var frequencyPenalty: Double?
  /// Taken from the logit of a token that came already, -2 ... 2; nil for the engine's own.
  public var presencePenalty: Double?

  public init(
    stop: [String] = [], topP: Double? = nil, logprobs: Int? = nil, schema: String? = nil,
    frequencyPenalty: Double? = nil, presencePenalty: Double? = nil
  ) {
    self.stop = stop
    self.topP = topP
    self.logprobs = logprobs
    self.schema = schema
    self.frequencyPenalty = frequencyPenalty
    self.presencePenalty = presencePenalty
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
  /// Jobs with the same key of the same owner are one job. Nil when the client gave none.
  public var idempotencyKey: String?
  /// Generate past the end-of-sequence token, for benchmarks.
  public var ignoresEndOfSequence: Bool
  /// Nil where nothing of it was asked for.
  public var sampling: Sampling?
  /// What the answer to a chat may call; nil for text alone.
  public var tools: Tools?
  /// -5 ... 5, nil for 0: each step doubles the share of the nodes that the owner's jobs of this priority get while
  /// there is a queue. Nothing waits for ever behind a higher one.
  public var priority: Int?
  /// Milliseconds from the submission by which the whole answer is wanted. A job that still waits then fails.
  public var deadlineMS: Int?
  /// Jobs of one conversation name it alike: where the last of them ran, the engine may still have what they share.
  public var session: String?
  /// On whose behalf the client asks, in its own words; nil for itself (`JobOwner`).
  public var tenant: String?
  /// Whether it ends with whoever asked, so that nobody will look for its answer later: it may begin before it is in the
  /// history, and is lost with a coordinator that ends until it is. Nil for no; of no effect with an idempotency key.
  public var isBound: Bool?

  public init(
    model: ModelID, prompt: Prompt, maxTokens: Int, temperature: Double = 0, seed: UInt64 = 0,
    objective: Objective = .e2e, limits: Limits = Limits(), idempotencyKey: String? = nil,
    ignoresEndOfSequence: Bool = false, sampling: Sampling? = nil, tools: Tools? = nil, priority: Int? = nil,
    deadlineMS: Int? = nil, session: String? = nil, tenant: String? = nil, isBound: Bool? = nil
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
    self.sampling = sampling
    self.tools = tools
    self.priority = priority
    self.deadlineMS = deadlineMS
    self.session = session
    self.tenant = tenant
    self.isBound = isBound
  }

  /// Bytes of the prompt's text, with a few for what a chat template puts around each message.
  public var promptBytes: Int {
    switch prompt {
    case .text(let text): text.utf8.count
    case .chat(let messages): messages.reduce(tools?.bytes ?? 0) { $0 + $1.textBytes + 16 }
    }
  }

  /// Whether the model's chat template must have a place for tools, their calls or results.
  public var usesTools: Bool {
    guard tools == nil, case .chat(let messages) = prompt else { return tools != nil }
    return messages.contains { $0.toolCalls != nil || $0.toolCallID != nil }
  }

  /// Whether an engine holds the answer to a form, which it can from the first token on and not from the middle.
  public var isHeldToForm: Bool { sampling?.schema != nil || tools != nil }

  /// Whether another request wants the same answer: the seed may be drawn, and how soon it is wanted may differ.
  public func asksTheSame(as other: JobSpec) -> Bool {
    model == other.model && prompt == other.prompt && maxTokens == other.maxTokens && temperature == other.temperature
      && sampling == other.sampling && tools == other.tools && ignoresEndOfSequence == other.ignoresEndOfSequence
  }

  /// The shape of this request where nobody has the tokenizer at hand: a token is taken as four bytes of text.
  public var workload: Workload {
    let prompt = max(1, promptBytes / 4)
    return Workload(
      name: "job", promptTokens: prompt...prompt, outputTokens: maxTokens...maxTokens, requestCount: 1)
  }
}

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
    @Boxed var spec: JobSpec
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
  public var spec: JobSpec { unsafeAddress { fields.$spec.address } }
  /// The request as it came, to hand it on.
  public var boxedSpec: Boxed<JobSpec> { fields.$spec }
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
