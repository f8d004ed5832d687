package import Serving

/// What a request is read as where it does not say. OpenAI's own, unless whoever reads it knows better.
package struct CompletionDefaults: Sendable {
  /// Nil for OpenAI's: 16 tokens of a text, what a chat has room for up to 2048.
  package var maxTokens: Int?
  package var temperature: Double
  package var seed: UInt64
  package var objective: Objective
  package var limits: Limits

  package init(
    maxTokens: Int? = nil, temperature: Double? = nil, seed: UInt64, objective: Objective = .e2e,
    limits: Limits = Limits()
  ) {
    self.maxTokens = maxTokens
    self.temperature = temperature ?? 1
    self.seed = seed
    self.objective = objective
    self.limits = limits
  }
}

extension CompletionRequest {
  /// Choices that one request may ask for of each prompt.
  private static let mostChoices = 8
  private static let mostPrompts = 64
  /// Tokens that a chat may take where its client names none.
  private static let defaultChatTokens = 2048
  /// OpenAI's own for `/v1/completions`.
  private static let defaultTextTokens = 16
  /// Tokens left for what a chat template adds.
  private static let templateTokens = 64
  /// More than OpenAI's 4, as other servers have it.
  private static let mostStops = 16
  /// Bytes.
  private static let longestStop = 256

  /// The jobs that answer this request, one for each choice, those of one prompt beside each other. They differ in their
  /// seed.
  ///
  /// - Parameter key: idempotency key; it goes before the body's. An empty one is none.
  package func jobs(
    _ model: ModelProfile, isChat: Bool, key: String?, defaults: CompletionDefaults
  ) throws(RequestRefusal) -> [JobSpec] {
    let prompts = try prompts(isChat: isChat)
    var spec = JobSpec(model: model.id, prompt: prompts[0], maxTokens: 1, tools: tools)
    spec.maxTokens =
      try askedTokens(model, isChat: isChat) ?? defaults.maxTokens
      ?? Self.defaultTokens(model, isChat: isChat, promptBytes: spec.promptBytes)
    spec.temperature = try Self.check(temperature, in: 0...2, "temperature") ?? defaults.temperature
    spec.seed = seed.map { UInt64(bitPattern: $0) } ?? defaults.seed
    spec.sampling = try sampling(isChat: isChat)
    try checkTools(isChat: isChat, spec.sampling)
    spec.objective = try objective() ?? defaults.objective
    spec.limits = try limits(defaults.limits)
    spec.priority = wishes?.priority
    spec.deadlineMS = wishes?.deadlineMS
    spec.session = wishes?.session
    let choices = choiceCount ?? 1
    guard (1...Self.mostChoices).contains(choices) else {
      throw RequestRefusal("n", "n is \(choices); ask for 1 to \(Self.mostChoices)")
    }
    let idempotencyKey = [key, wishes?.idempotencyKey].compactMap(\.self).first { !$0.isEmpty }
    let count = prompts.count * choices
    return (0..<count).map { place in
      var one = spec
      one.prompt = prompts[place / choices]
      one.seed &+= UInt64(place % choices)
      one.idempotencyKey = idempotencyKey.map { count == 1 ? $0 : "\($0)/\(place)" }
      return one
    }
  }

  private func prompts(isChat: Bool) throws(RequestRefusal) -> [Prompt] {
    if isChat {
      guard let messages, !messages.isEmpty else {
        throw RequestRefusal("messages", "there are no messages; give at least one", code: "missing_field")
      }
      return [.chat(messages.map(\.read))]
    }
    let texts = prompt?.texts ?? []
    guard !texts.isEmpty, texts.allSatisfy({ !$0.isEmpty }) else {
      throw RequestRefusal("prompt", "there is no prompt, or an empty one; give a text", code: "missing_field")
    }
    guard texts.count <= Self.mostPrompts else {
      throw RequestRefusal("prompt", "there are \(texts.count) prompts; give at most \(Self.mostPrompts) at once")
    }
    return texts.map(Prompt.text)
  }

  private func checkTools(isChat: Bool, _ sampling: Sampling?) throws(RequestRefusal) {
    guard tools != nil else { return }
    guard isChat else {
      throw RequestRefusal(
        "tools", "a completion calls no functions; ask /v1/chat/completions", code: "unsupported_parameter")
    }
    if sampling?.schema != nil {
      throw RequestRefusal(
        "response_format", "an answer with tools cannot be held to a schema here; leave one of them out",
        code: "unsupported_parameter")
    }
    if sampling?.logprobs != nil {
      throw RequestRefusal(
        "logprobs", "an answer with tools has no log-probabilities here; leave one of them out",
        code: "unsupported_parameter")
    }
  }

  /// `max_completion_tokens` is a chat's newer name of `max_tokens`.
  private func askedTokens(_ model: ModelProfile, isChat: Bool) throws(RequestRefusal) -> Int? {
    let field = maxCompletionTokens == nil ? "max_tokens" : "max_completion_tokens"
    if !isChat, maxCompletionTokens != nil {
      throw RequestRefusal(field, "a completion has max_tokens; give that", code: "unsupported_parameter")
    }
    if let maxTokens, let maxCompletionTokens, maxTokens != maxCompletionTokens {
      throw RequestRefusal(field, "max_tokens is \(maxTokens), and \(field) \(maxCompletionTokens); give one of them")
    }
    guard let asked = maxCompletionTokens ?? maxTokens else { return nil }
    guard asked >= 1 else { throw RequestRefusal(field, "\(field) is \(asked); ask for at least 1") }
    guard model.contextLength == 0 || asked <= model.contextLength else {
      throw RequestRefusal(
        field, "\(field) is \(asked), and the context of \(model.name) is \(model.contextLength) tokens",
        code: "context_length_exceeded")
    }
    return asked
  }

  private static func defaultTokens(_ model: ModelProfile, isChat: Bool, promptBytes: Int) -> Int {
    guard isChat else { return defaultTextTokens }
    guard model.contextLength > 0 else { return defaultChatTokens }
    // A token is at least a byte or two of text: what is left for sure.
    let left = model.contextLength - promptBytes / 2 - templateTokens
    return max(1, min(defaultChatTokens, left))
  }

  private func sampling(isChat: Bool) throws(RequestRefusal) -> Sampling? {
    let texts = try stops()
    let share = try Self.check(topP, in: 0...1, "top_p")
    if share == 0 { throw RequestRefusal("top_p", "top_p is 0, which leaves no token; give more than 0") }
    let logprobs = try alternatives(isChat: isChat)
    let sampling = Sampling(
      stop: texts, topP: share, logprobs: logprobs, schema: schema,
      frequencyPenalty: try Self.penalty(frequencyPenalty, "frequency_penalty"),
      presencePenalty: try Self.penalty(presencePenalty, "presence_penalty"))
    return sampling == Sampling() ? nil : sampling
  }

  private func stops() throws(RequestRefusal) -> [String] {
    let texts = stop?.texts ?? []
    guard texts.count <= Self.mostStops else {
      throw RequestRefusal("stop", "there are \(texts.count) texts to stop at; give at most \(Self.mostStops)")
    }
    for text in texts where !(1...Self.longestStop).contains(text.utf8.count) {
      throw RequestRefusal(
        "stop", "a text to stop at has \(text.utf8.count) bytes; give 1 to \(Self.longestStop)")
    }
    return texts
  }

  /// 0 asks for nothing.
  private static func penalty(_ value: Double?, _ field: String) throws(RequestRefusal) -> Double? {
    let value = try check(value, in: -2...2, field)
    return value == 0 ? nil : value
  }

  /// How many log-probabilities are wanted at each place beside the token's own; nil for none at all.
  private func alternatives(isChat: Bool) throws(RequestRefusal) -> Int? {
    let range = 0...TokenLogprob.mostAlternatives
    func checked(_ count: Int, _ field: String) throws(RequestRefusal) -> Int {
      guard range.contains(count) else {
        throw RequestRefusal(field, "\(field) is \(count); give 0 to \(range.upperBound)")
      }
      return count
    }
    switch logprobs {
    case nil, .flag(false):
      guard (topLogprobs ?? 0) == 0 else {
        throw RequestRefusal("top_logprobs", "top_logprobs is \(topLogprobs ?? 0); set logprobs to true, too")
      }
      return nil
    case .flag(true) where isChat: return try checked(topLogprobs ?? 0, "top_logprobs")
    case .count(let count) where !isChat: return try checked(count, "logprobs")
    case .flag:
      throw RequestRefusal("logprobs", "logprobs is no number; give 0 to \(range.upperBound)", code: "wrong_type")
    case .count:
      throw RequestRefusal(
        "logprobs", "logprobs is a number; give true, and the number as top_logprobs", code: "wrong_type")
    }
  }

  private static func check(
    _ value: Double?, in range: ClosedRange<Double>, _ field: String
  ) throws(RequestRefusal) -> Double? {
    guard let value else { return nil }
    guard range.contains(value) else {
      throw RequestRefusal(field, "\(field) is \(value); give \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func objective() throws(RequestRefusal) -> Objective? {
    guard let name = wishes?.objective else { return nil }
    guard let objective = Objective(rawValue: name) else {
      let names = Objective.allCases.map(\.rawValue).joined(separator: ", ")
      throw RequestRefusal("apus.objective", "there is no objective \(name); there are \(names)")
    }
    return objective
  }

  private func limits(_ given: Limits) throws(RequestRefusal) -> Limits {
    var limits = given
    if let loss = wishes?.maxQualityLoss {
      guard loss >= 0, loss.isFinite else {
        throw RequestRefusal("apus.max_quality_loss", "the limit is \(loss); give nats per token, 0 or more")
      }
      limits.maxQualityLoss = loss
    }
    if let texts = wishes?.limits {
      limits.slos = []
      for text in texts {
        guard let slo = SLO(parsing: text) else {
          throw RequestRefusal("apus.slo", "the limit \(text) cannot be read; write it as ttft:p99<=500ms")
        }
        limits.slos.append(slo)
      }
    }
    return limits
  }
}
