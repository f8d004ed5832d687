import Serving

extension CompletionRequest {
  /// Tokens that a chat may take where its client names none.
  private static let defaultChatTokens = 2048
  /// OpenAI's own for `/v1/completions`.
  private static let defaultTextTokens = 16
  /// Tokens left for what a chat template adds.
  private static let templateTokens = 64
  private static let stopLimit = 4
  private static let stopBytes = 256

  /// The jobs that answer this request, one for each choice. They differ in their seed.
  ///
  /// - Parameters:
  ///   - key: idempotency key from the headers; it goes before the body's.
  ///   - randomSeed: for a request that names none.
  func jobs(_ model: ModelProfile, isChat: Bool, key: String?, randomSeed: UInt64) throws(OpenAIError) -> [JobSpec] {
    let prompt = try prompt(isChat: isChat)
    var spec = JobSpec(model: model.id, prompt: prompt, maxTokens: 1)
    spec.maxTokens = try tokenLimit(model, isChat: isChat, promptBytes: spec.promptBytes)
    spec.temperature = try inRange(temperature, 0...2, "temperature") ?? 1
    spec.seed = seed.map { UInt64(bitPattern: $0) } ?? randomSeed
    spec.sampling = try sampling(isChat: isChat)
    spec.objective = try objective()
    spec.limits = try limits()
    spec.priority = wishes?.priority
    spec.deadlineMS = wishes?.deadlineMS
    spec.session = wishes?.session
    let choices = choiceCount ?? 1
    guard (1...GatewayConfiguration.choiceLimit).contains(choices) else {
      throw .bad("n", "n is \(choices); ask for 1 to \(GatewayConfiguration.choiceLimit)")
    }
    let idempotencyKey = key ?? wishes?.idempotencyKey
    return (0..<choices).map { place in
      var one = spec
      one.seed &+= UInt64(place)
      one.idempotencyKey = idempotencyKey.map { choices == 1 ? $0 : "\($0)/\(place)" }
      return one
    }
  }

  private func prompt(isChat: Bool) throws(OpenAIError) -> Prompt {
    if isChat {
      guard let messages, !messages.isEmpty else {
        throw .bad("messages", "there are no messages; give at least one", code: "missing_field")
      }
      return .chat(messages.map { ChatMessage(role: $0.role, content: $0.content.text) })
    }
    guard case .text(let text) = prompt, !text.isEmpty else {
      throw .bad("prompt", "there is no prompt; give a text", code: "missing_field")
    }
    return .text(text)
  }

  private func tokenLimit(_ model: ModelProfile, isChat: Bool, promptBytes: Int) throws(OpenAIError) -> Int {
    let field = maxCompletionTokens != nil ? "max_completion_tokens" : "max_tokens"
    if let asked = maxCompletionTokens ?? maxTokens {
      guard asked >= 1 else { throw .bad(field, "\(field) is \(asked); ask for at least 1") }
      guard model.contextLength == 0 || asked <= model.contextLength else {
        throw .bad(
          field, "\(field) is \(asked), and the context of \(model.name) is \(model.contextLength) tokens",
          code: "context_length_exceeded")
      }
      return asked
    }
    guard isChat else { return Self.defaultTextTokens }
    guard model.contextLength > 0 else { return Self.defaultChatTokens }
    // A token is at least a byte or two of text: what is left for sure.
    let left = model.contextLength - promptBytes / 2 - Self.templateTokens
    return max(1, min(Self.defaultChatTokens, left))
  }

  private func sampling(isChat: Bool) throws(OpenAIError) -> Sampling? {
    var texts: [String] = []
    if case .texts(let given) = stop { texts = given }
    guard texts.count <= Self.stopLimit, texts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= Self.stopBytes }) else {
      throw .bad("stop", "give at most \(Self.stopLimit) texts of 1 to \(Self.stopBytes) bytes to stop at")
    }
    let share = try inRange(topP, 0...1, "top_p")
    if share == 0 { throw .bad("top_p", "top_p is 0, which leaves no token; give more than 0") }
    let logprobs = try alternatives(isChat: isChat)
    guard !texts.isEmpty || share != nil || logprobs != nil || schema != nil else { return nil }
    return Sampling(stop: texts, topP: share, logprobs: logprobs, schema: schema)
  }

  /// How many log-probabilities are wanted at each place beside the token's own; nil for none at all.
  private func alternatives(isChat: Bool) throws(OpenAIError) -> Int? {
    let range = 0...TokenLogprob.mostAlternatives
    switch logprobs {
    case nil, .flag(false):
      guard (topLogprobs ?? 0) == 0 else { throw .bad("top_logprobs", "top_logprobs is given; set logprobs to true") }
      return nil
    case .flag(true) where isChat:
      let count = topLogprobs ?? 0
      guard range.contains(count) else {
        throw .bad("top_logprobs", "top_logprobs is \(count); give 0 to \(range.upperBound)")
      }
      return count
    case .count(let count) where !isChat:
      guard range.contains(count) else { throw .bad("logprobs", "logprobs is \(count); give 0 to \(range.upperBound)") }
      return count
    case .flag, .count:
      throw .bad(
        "logprobs",
        isChat
          ? "logprobs is a number; give true, and the number as top_logprobs"
          : "logprobs is true; give a number, 0 to \(range.upperBound)",
        code: "wrong_type")
    }
  }

  private func inRange(_ value: Double?, _ range: ClosedRange<Double>, _ field: String) throws(OpenAIError) -> Double? {
    guard let value else { return nil }
    guard range.contains(value) else {
      throw .bad(field, "\(field) is \(value); give \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func objective() throws(OpenAIError) -> Objective {
    guard let name = wishes?.objective else { return .e2e }
    guard let objective = Objective(rawValue: name) else {
      throw .bad("apus.objective", "there is no objective \(name); see the OpenAPI description")
    }
    return objective
  }

  private func limits() throws(OpenAIError) -> Limits {
    var limits = Limits()
    if let loss = wishes?.maxQualityLoss {
      guard loss >= 0, loss.isFinite else {
        throw .bad("apus.max_quality_loss", "the limit is \(loss); give nats per token, 0 or more")
      }
      limits.maxQualityLoss = loss
    }
    for text in wishes?.limits ?? [] {
      guard let slo = SLO(parsing: text) else {
        throw .bad("apus.slo", "the limit \(text) cannot be read; write it as ttft:p99<=500ms")
      }
      limits.slos.append(slo)
    }
    return limits
  }
}
