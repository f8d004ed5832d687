import Acceleration
import History
import Messaging
import Serving

/// Refuses what cannot work before it is stored: each error names the value and what would work.
struct RequestCheck {
  /// Known models, for the advice.
  let models: [ModelID: ModelProfile]

  /// Beyond any context there is.
  private static let mostTokens = 1 << 24
  /// Texts at which an answer may end.
  private static let mostStops = 16
  /// Names listed in an advice.
  private static let namesListed = 20
  private static let longestDeadlineMS = 7 * 24 * 3600 * 1000
  private static let longestSession = 256
  private static let longestTenant = 256
  private static let longestSchema = 64 << 10

  func model(_ id: ModelID) throws(ApusError) -> ModelProfile {
    if let model = models[id] { return model }
    let names = models.values.map(\.name).sorted()
    let advice =
      names.isEmpty
      ? "start a worker that has the model, or push it with `apus model push`"
      : "known models: " + names.prefix(Self.namesListed).joined(separator: ", ")
        + (names.count > Self.namesListed ? ", and \(names.count - Self.namesListed) more" : "")
    throw ApusError(.badInput, "no model \(id.rawValue.prefix(16)) is known here", advice: advice)
  }

  func job(_ spec: JobSpec) throws(ApusError) {
    let model = try model(spec.model)
    guard (1...Self.mostTokens).contains(spec.maxTokens) else {
      throw ApusError(
        .badInput, "max tokens is \(spec.maxTokens)", advice: "ask for at least 1 and at most \(Self.mostTokens)")
    }
    guard spec.temperature.isFinite, spec.temperature >= 0 else {
      throw ApusError(.badInput, "the temperature is \(spec.temperature)", advice: "give 0 (greedy) or more")
    }
    if let sampling = spec.sampling { try self.sampling(sampling, maxTokens: spec.maxTokens) }
    if let tools = spec.tools { try ToolCheck.check(tools, of: spec) }
    try limits(spec.limits)
    try scheduling(spec)
    let isEmpty =
      switch spec.prompt {
      case .text(let text): text.isEmpty
      case .chat(let messages): messages.isEmpty
      }
    guard !isEmpty else { throw ApusError(.badInput, "the prompt is empty", advice: "give a prompt") }
    guard model.contextLength > 0 else { return }
    // Four bytes a token is a guess that can be off by two; what is refused here cannot fit. The engine, which has the
    // tokenizer, refuses the rest.
    let promptTokens = spec.workload.promptTokens.lowerBound / 2
    guard promptTokens + spec.maxTokens <= model.contextLength else {
      throw ApusError(
        .badInput,
        "a prompt of about \(promptTokens * 2) tokens and \(spec.maxTokens) new ones do not fit the context of "
          + "\(model.name), \(model.contextLength) tokens",
        advice: "shorten the prompt or ask for fewer tokens", kind: .contextExceeded)
    }
  }

  private func sampling(_ sampling: Sampling, maxTokens: Int) throws(ApusError) {
    guard sampling.stop.count <= Self.mostStops, sampling.stop.allSatisfy({ (1...1024).contains($0.utf8.count) }) else {
      throw ApusError(
        .badInput, "\(sampling.stop.count) texts to stop at, one of which may be empty or long",
        advice: "give at most \(Self.mostStops) of 1 to 1024 bytes")
    }
    if let share = sampling.topP, !(share > 0 && share <= 1) {
      throw ApusError(.badInput, "top-p is \(share)", advice: "give more than 0 and at most 1")
    }
    for penalty in [sampling.frequencyPenalty, sampling.presencePenalty].compactMap(\.self)
    where !(-2...2).contains(penalty) {
      throw ApusError(.badInput, "a penalty is \(penalty)", advice: "give -2 to 2")
    }
    if let schema = sampling.schema {
      // It is put into the request to the engine as it is, so it must be one whole object.
      guard JSONObject.isWritten(in: schema), schema.utf8.count <= Self.longestSchema else {
        throw ApusError(
          .badInput, "the schema of the answer, of \(schema.utf8.count) bytes, is too long or no JSON object",
          advice: "give a JSON Schema of at most \(Self.longestSchema) bytes")
      }
    }
    guard let count = sampling.logprobs else { return }
    guard (0...TokenLogprob.mostAlternatives).contains(count) else {
      throw ApusError(
        .badInput, "\(count) log-probabilities are asked for at each place",
        advice: "ask for 0 to \(TokenLogprob.mostAlternatives)")
    }
    guard maxTokens * (1 + count) <= TokenLogprob.mostOfAJob else {
      throw ApusError(
        .badInput, "\(maxTokens) tokens with \(count) alternatives each are too many log-probabilities",
        advice: "ask for at most \(TokenLogprob.mostOfAJob / (1 + count)) tokens, or for fewer alternatives")
    }
  }

  private func scheduling(_ spec: JobSpec) throws(ApusError) {
    if let priority = spec.priority, !FairClock.priorities.contains(priority) {
      let allowed = FairClock.priorities
      throw ApusError(
        .badInput, "the priority is \(priority)",
        advice: "give \(allowed.lowerBound) (last) to \(allowed.upperBound) (first), 0 for the usual")
    }
    if let deadline = spec.deadlineMS, !(1...Self.longestDeadlineMS).contains(deadline) {
      throw ApusError(
        .badInput, "the deadline is \(deadline) ms after the submission",
        advice: "give 1 ms to a week, \(Self.longestDeadlineMS) ms")
    }
    if let key = spec.idempotencyKey, key.utf8.count > RecordRules.keyLengthLimit {
      throw ApusError(
        .badInput, "the idempotency key has \(key.utf8.count) bytes",
        advice: "give at most \(RecordRules.keyLengthLimit)")
    }
    if let tenant = spec.tenant, !(1...Self.longestTenant).contains(tenant.utf8.count) || tenant.utf8.contains(0) {
      throw ApusError(
        .badInput, "the name of the tenant has \(tenant.utf8.count) bytes",
        advice: "give 1 to \(Self.longestTenant) without U+0000, such as the name of an API key")
    }
    if let session = spec.session, !(1...Self.longestSession).contains(session.utf8.count) {
      throw ApusError(
        .badInput, "the name of the session has \(session.utf8.count) bytes",
        advice: "give 1 to \(Self.longestSession), such as a conversation's number")
    }
  }

  func limits(_ limits: Limits) throws(ApusError) {
    if let bytes = limits.memoryBytes, bytes <= 0 {
      throw ApusError(.badInput, "the memory limit is \(bytes) bytes", advice: "give a positive number")
    }
    if let loss = limits.maxQualityLoss, !(loss >= 0 && loss.isFinite) {
      throw ApusError(
        .badInput, "the limit on the quality loss is \(loss)", advice: "give nats per token, 0 or more, such as 0.01")
    }
    for slo in limits.slos where ![50, 90, 99].contains(slo.percentile) || !(slo.limitMS > 0) {
      throw ApusError(.badInput, "the limit \(slo) cannot be kept", advice: "use p50, p90 or p99 and a time above 0")
    }
  }

  func workload(_ workload: Workload) throws(ApusError) {
    guard workload.promptTokens.lowerBound >= 1, workload.outputTokens.lowerBound >= 1, workload.concurrency >= 1,
      workload.requestCount >= 1, workload.promptTokens.upperBound <= Self.mostTokens,
      workload.outputTokens.upperBound <= Self.mostTokens, workload.requestCount <= 1 << 20,
      (0...1).contains(workload.sharedPrefixShare), (0...1).contains(workload.repetitiveness),
      workload.arrivalRate.map({ $0 > 0 && $0.isFinite }) ?? true
    else {
      throw ApusError(
        .badInput, "the workload \(workload.name) has a number out of range: \(workload.shape)",
        advice: "lengths, concurrency and requests are at least 1, shares from 0 to 1, rates above 0")
    }
  }

  func benchmark(
    _ spec: BenchmarkSpec, workers: [(name: WorkerName, description: WorkerDescription)]
  ) throws(ApusError) {
    guard spec.budgetSeconds > 0, spec.budgetSeconds.isFinite else {
      throw ApusError(
        .badInput, "the budget is \(spec.budgetSeconds) s", advice: "give a time above zero, such as --budget 5m")
    }
    guard !spec.models.isEmpty, !spec.workloads.isEmpty else {
      throw ApusError(.badInput, "the benchmark names no model or no workload", advice: "name at least one of each")
    }
    for id in spec.models {
      _ = try model(id)
    }
    for shape in spec.workloads {
      try workload(shape)
    }
    let methods = Set(MethodCatalogue.all.map(\.name))
    for method in spec.methods where !methods.contains(method) {
      throw ApusError(
        .badInput, "no method is called \(method)",
        advice: "the methods are " + methods.sorted().map(\.rawValue).joined(separator: ", "))
    }
    for worker in spec.workers where !workers.contains(where: { $0.name == worker }) {
      throw ApusError.notConnected(worker, of: workers.map(\.name))
    }
    let wanted = workers.filter { spec.workers.isEmpty || spec.workers.contains($0.name) }
    if spec.objective == .energy, !wanted.isEmpty, !wanted.contains(where: \.description.measuresEnergy) {
      throw ApusError(
        .unavailable, "no worker of this benchmark has an energy counter it may read",
        advice: "energy is read from powercap (RAPL, as root) and from NVIDIA's driver; take another objective")
    }
  }
}
