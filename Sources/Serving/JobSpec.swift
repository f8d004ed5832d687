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
///
/// Handed on at each step of its job and read at few, so all of it is behind one reference.
public struct JobSpec: Hashable, Codable, Sendable {
  private struct Fields: Hashable, Codable, Sendable {
    var model: ModelID
    var prompt: Prompt
    var maxTokens: Int
    var temperature: Double
    var seed: UInt64
    var objective: Objective
    var limits: Limits
    var idempotencyKey: String?
    var ignoresEndOfSequence: Bool
    var sampling: Sampling?
    var tools: Tools?
    var priority: Int?
    var deadlineMS: Int?
    var session: String?
    var tenant: String?
    var isBound: Bool?
  }

  @Boxed private var fields: Fields

  public var model: ModelID {
    get { fields.model }
    set { fields.model = newValue }
  }
  public var prompt: Prompt {
    get { fields.prompt }
    set { fields.prompt = newValue }
  }
  /// Most tokens to generate, at least 1.
  public var maxTokens: Int {
    get { fields.maxTokens }
    set { fields.maxTokens = newValue }
  }
  /// 0 is greedy.
  public var temperature: Double {
    get { fields.temperature }
    set { fields.temperature = newValue }
  }
  public var seed: UInt64 {
    get { fields.seed }
    set { fields.seed = newValue }
  }
  public var objective: Objective {
    get { fields.objective }
    set { fields.objective = newValue }
  }
  public var limits: Limits {
    get { fields.limits }
    set { fields.limits = newValue }
  }
  /// Jobs with the same key of the same owner are one job. Nil when the client gave none.
  public var idempotencyKey: String? {
    get { fields.idempotencyKey }
    set { fields.idempotencyKey = newValue }
  }
  /// Generate past the end-of-sequence token, for benchmarks.
  public var ignoresEndOfSequence: Bool {
    get { fields.ignoresEndOfSequence }
    set { fields.ignoresEndOfSequence = newValue }
  }
  /// Nil where nothing of it was asked for.
  public var sampling: Sampling? {
    get { fields.sampling }
    set { fields.sampling = newValue }
  }
  /// What the answer to a chat may call; nil for text alone.
  public var tools: Tools? {
    get { fields.tools }
    set { fields.tools = newValue }
  }
  /// -5 ... 5, nil for 0: each step doubles the share of the nodes that the owner's jobs of this priority get while
  /// there is a queue. Nothing waits for ever behind a higher one.
  public var priority: Int? {
    get { fields.priority }
    set { fields.priority = newValue }
  }
  /// Milliseconds from the submission by which the whole answer is wanted. A job that still waits then fails.
  public var deadlineMS: Int? {
    get { fields.deadlineMS }
    set { fields.deadlineMS = newValue }
  }
  /// Jobs of one conversation name it alike: where the last of them ran, the engine may still have what they share.
  public var session: String? {
    get { fields.session }
    set { fields.session = newValue }
  }
  /// On whose behalf the client asks, in its own words; nil for itself (`JobOwner`).
  public var tenant: String? {
    get { fields.tenant }
    set { fields.tenant = newValue }
  }
  /// Whether it ends with whoever asked, so that nobody will look for its answer later: it may begin before it is in the
  /// history, and is lost with a coordinator that ends until it is. Nil for no; of no effect with an idempotency key.
  public var isBound: Bool? {
    get { fields.isBound }
    set { fields.isBound = newValue }
  }

  public init(
    model: ModelID, prompt: Prompt, maxTokens: Int, temperature: Double = 0, seed: UInt64 = 0,
    objective: Objective = .e2e, limits: Limits = Limits(), idempotencyKey: String? = nil,
    ignoresEndOfSequence: Bool = false, sampling: Sampling? = nil, tools: Tools? = nil, priority: Int? = nil,
    deadlineMS: Int? = nil, session: String? = nil, tenant: String? = nil, isBound: Bool? = nil
  ) {
    fields = Fields(
      model: model, prompt: prompt, maxTokens: maxTokens, temperature: temperature, seed: seed, objective: objective,
      limits: limits, idempotencyKey: idempotencyKey, ignoresEndOfSequence: ignoresEndOfSequence, sampling: sampling,
      tools: tools, priority: priority, deadlineMS: deadlineMS, session: session, tenant: tenant, isBound: isBound)
  }

  public init(from decoder: any Decoder) throws { fields = try Fields(from: decoder) }

  public func encode(to encoder: any Encoder) throws { try fields.encode(to: encoder) }

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
