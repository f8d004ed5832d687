import CMessages
import Serving

// Jobs in Schemas/messages.proto.

extension ChatMessage: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__ChatMessage>) { apus__chat_message__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__ChatMessage>, _ arena: Arena) throws(CodecError) {
    c.pointee.role = try arena.text(role)
    c.pointee.content = try arena.text(content)
    c.pointee.n_tool_calls = toolCalls?.count ?? 0
    c.pointee.tool_calls = try arena.messages(toolCalls ?? [])
    c.pointee.tool_call_id = try arena.optionalText(toolCallID)
  }

  init(reading c: UnsafePointer<Apus__ChatMessage>) throws(CodecError) {
    let calls: [ToolCall] = try Wire.messages(
      c.pointee.tool_calls, c.pointee.n_tool_calls, "ChatMessage.tool_calls")
    self.init(
      role: try Wire.text(c.pointee.role, "ChatMessage.role"),
      content: try Wire.text(c.pointee.content, "ChatMessage.content"), toolCalls: calls.isEmpty ? nil : calls,
      toolCallID: try Wire.text(c.pointee.tool_call_id, "ChatMessage.tool_call_id"))
  }
}

extension Sampling: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__Sampling>) { apus__sampling__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__Sampling>, _ arena: Arena) throws(CodecError) {
    c.pointee.n_stop = stop.count
    c.pointee.stop = try arena.texts(stop)
    c.pointee.top_p = try arena.number(topP, "Sampling.top_p")
    c.pointee.logprobs = try arena.count(logprobs, "Sampling.logprobs")
    c.pointee.schema = try arena.optionalText(schema)
    c.pointee.frequency_penalty = try arena.number(frequencyPenalty, "Sampling.frequency_penalty")
    c.pointee.presence_penalty = try arena.number(presencePenalty, "Sampling.presence_penalty")
  }

  init(reading c: UnsafePointer<Apus__Sampling>) throws(CodecError) {
    self.init(
      stop: try Wire.texts(c.pointee.stop, c.pointee.n_stop, "Sampling.stop"),
      topP: try Wire.number(c.pointee.top_p, "Sampling.top_p"),
      logprobs: try Wire.count(c.pointee.logprobs, "Sampling.logprobs"),
      schema: try Wire.text(c.pointee.schema, "Sampling.schema"),
      frequencyPenalty: try Wire.number(c.pointee.frequency_penalty, "Sampling.frequency_penalty"),
      presencePenalty: try Wire.number(c.pointee.presence_penalty, "Sampling.presence_penalty"))
  }
}

extension JobSpec: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__JobSpec>) { apus__job_spec__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobSpec>, _ arena: Arena) throws(CodecError) {
    c.pointee.model = try arena.text(model)
    switch prompt {
    case .text(let text):
      c.pointee.prompt_case = APUS__JOB_SPEC__PROMPT_TEXT
      c.pointee.text = try arena.text(text)
    case .chat(let messages):
      let chat = try arena.array(of: Apus__Chat.self, 1)
      apus__chat__init(chat)
      chat.pointee.n_messages = messages.count
      chat.pointee.messages = try arena.messages(messages)
      c.pointee.prompt_case = APUS__JOB_SPEC__PROMPT_CHAT
      c.pointee.chat = chat
    }
    c.pointee.max_tokens = try arena.count(maxTokens, "JobSpec.max_tokens")
    c.pointee.temperature = try Wire.number(temperature, "JobSpec.temperature")
    c.pointee.seed = seed
    c.pointee.objective = Apus__Objective(rawValue: objective.wireNumber)
    c.pointee.limits = try arena.message(limits)
    c.pointee.idempotency_key = try arena.optionalText(idempotencyKey)
    c.pointee.ignores_end_of_sequence = ignoresEndOfSequence ? 1 : 0
    c.pointee.sampling = try arena.message(sampling)
    c.pointee.tools = try arena.message(tools)
    c.pointee.priority = try arena.signed(priority, "JobSpec.priority")
    c.pointee.deadline_ms = try arena.count(deadlineMS, "JobSpec.deadline_ms")
    c.pointee.session = try arena.optionalText(session)
    c.pointee.tenant = try arena.optionalText(tenant)
    c.pointee.is_bound = isBound == true ? 1 : 0
  }

  init(reading c: UnsafePointer<Apus__JobSpec>) throws(CodecError) {
    let prompt: Prompt
    switch c.pointee.prompt_case {
    case APUS__JOB_SPEC__PROMPT_TEXT: prompt = .text(try Wire.text(c.pointee.text, "JobSpec.text"))
    case APUS__JOB_SPEC__PROMPT_CHAT:
      guard let chat = c.pointee.chat else { throw .invalid(field: "JobSpec.chat", problem: "is missing") }
      prompt = .chat(try Wire.messages(chat.pointee.messages, chat.pointee.n_messages, "Chat.messages"))
    default: throw .invalid(field: "JobSpec.prompt", problem: "is missing")
    }
    self.init(
      model: try Wire.id(c.pointee.model, "JobSpec.model"),
      prompt: prompt,
      maxTokens: try Wire.count(c.pointee.max_tokens, "JobSpec.max_tokens"),
      temperature: try Wire.number(c.pointee.temperature, "JobSpec.temperature"),
      seed: c.pointee.seed,
      objective: try Wire.choice(c.pointee.objective.rawValue, "JobSpec.objective"),
      limits: try Wire.message(c.pointee.limits, "JobSpec.limits"),
      idempotencyKey: try Wire.text(c.pointee.idempotency_key, "JobSpec.idempotency_key"),
      ignoresEndOfSequence: c.pointee.ignores_end_of_sequence != 0,
      sampling: try Wire.optional(c.pointee.sampling),
      tools: try Wire.optional(c.pointee.tools),
      priority: try Wire.signed(c.pointee.priority, "JobSpec.priority"),
      deadlineMS: try Wire.count(c.pointee.deadline_ms, "JobSpec.deadline_ms"),
      session: try Wire.text(c.pointee.session, "JobSpec.session"),
      tenant: try Wire.text(c.pointee.tenant, "JobSpec.tenant"), isBound: c.pointee.is_bound != 0 ? true : nil)
  }
}

extension JobState: WireChoice {
  static var choices: [JobState] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .queued: APUS__JOB_STATE__JOB_STATE_QUEUED.rawValue
    case .running: APUS__JOB_STATE__JOB_STATE_RUNNING.rawValue
    case .completed: APUS__JOB_STATE__JOB_STATE_COMPLETED.rawValue
    case .failed: APUS__JOB_STATE__JOB_STATE_FAILED.rawValue
    case .cancelled: APUS__JOB_STATE__JOB_STATE_CANCELLED.rawValue
    }
  }
}

extension FinishReason: WireChoice {
  static var choices: [FinishReason] { allCases }

  var wireNumber: UInt32 {
    switch self {
    case .stop: APUS__FINISH_REASON__FINISH_REASON_STOP.rawValue
    case .length: APUS__FINISH_REASON__FINISH_REASON_LENGTH.rawValue
    case .contextFull: APUS__FINISH_REASON__FINISH_REASON_CONTEXT_FULL.rawValue
    case .promptTooLong: APUS__FINISH_REASON__FINISH_REASON_PROMPT_TOO_LONG.rawValue
    case .toolCalls: APUS__FINISH_REASON__FINISH_REASON_TOOL_CALLS.rawValue
    case .toolsRefused: APUS__FINISH_REASON__FINISH_REASON_TOOLS_REFUSED.rawValue
    case .refused: APUS__FINISH_REASON__FINISH_REASON_REFUSED.rawValue
    case .limitsUnmet: APUS__FINISH_REASON__FINISH_REASON_LIMITS_UNMET.rawValue
    case .deadlinePassed: APUS__FINISH_REASON__FINISH_REASON_DEADLINE_PASSED.rawValue
    }
  }
}

extension JobStanding: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__JobStanding>) { apus__job_standing__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobStanding>, _ arena: Arena) throws(CodecError) {
    c.pointee.state = Apus__JobState(rawValue: state.wireNumber)
    c.pointee.finished_at_ms = try arena.count(finishedAtMS.map { Int($0) }, "JobStanding.finished_at_ms")
    if let worker { c.pointee.worker = try arena.text(worker) }
    c.pointee.configuration = try arena.message(configuration)
    c.pointee.predicted = try arena.message(predicted)
    c.pointee.output = try arena.text(output)
    c.pointee.failure = try arena.optionalText(failure)
    if let measurement { c.pointee.measurement = try arena.text(measurement) }
    c.pointee.attempt_count = try arena.count(attemptCount, "JobStanding.attempt_count")
    c.pointee.is_exploration = isExploration ? 1 : 0
    c.pointee.wait_reason = try arena.optionalText(waitReason)
    c.pointee.finish_reason = Apus__FinishReason(rawValue: finishReason?.wireNumber ?? 0)
    c.pointee.n_tool_calls = toolCalls.count
    c.pointee.tool_calls = try arena.messages(toolCalls)
  }

  init(reading c: UnsafePointer<Apus__JobStanding>) throws(CodecError) {
    self.init(
      state: try Wire.choice(c.pointee.state.rawValue, "JobStanding.state"),
      finishedAtMS: try Wire.count(c.pointee.finished_at_ms, "JobStanding.finished_at_ms").map { Int64($0) },
      worker: try Wire.idOrNone(c.pointee.worker, "JobStanding.worker"),
      configuration: try Wire.optional(c.pointee.configuration),
      predicted: try Wire.optional(c.pointee.predicted),
      output: try Wire.text(c.pointee.output, "JobStanding.output"),
      failure: try Wire.text(c.pointee.failure, "JobStanding.failure"),
      measurement: try Wire.idOrNone(c.pointee.measurement, "JobStanding.measurement"),
      attemptCount: try Wire.count(c.pointee.attempt_count, "JobStanding.attempt_count"),
      isExploration: c.pointee.is_exploration != 0,
      waitReason: try Wire.text(c.pointee.wait_reason, "JobStanding.wait_reason"),
      finishReason: Wire.knownChoice(c.pointee.finish_reason.rawValue),
      toolCalls: try Wire.messages(c.pointee.tool_calls, c.pointee.n_tool_calls, "JobStanding.tool_calls"))
  }
}

extension JobRecord: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__JobRecord>) { apus__job_record__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobRecord>, _ arena: Arena) throws(CodecError) {
    c.pointee.id = try arena.text(id)
    c.pointee.client = try arena.text(client)
    c.pointee.spec = try arena.message(spec)
    c.pointee.submitted_at_ms = try arena.count(Int(submittedAtMS), "JobRecord.submitted_at_ms")
    c.pointee.standing = try arena.message(standing)
  }

  init(reading c: UnsafePointer<Apus__JobRecord>) throws(CodecError) {
    self.init(
      id: try Wire.id(c.pointee.id, "JobRecord.id"),
      client: try Wire.text(c.pointee.client, "JobRecord.client"),
      spec: try Wire.message(c.pointee.spec, "JobRecord.spec"),
      submittedAtMS: Int64(try Wire.count(c.pointee.submitted_at_ms, "JobRecord.submitted_at_ms")),
      standing: try Wire.message(c.pointee.standing, "JobRecord.standing"))
  }
}

extension JobFigures: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__JobFigures>) { apus__job_figures__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobFigures>, _ arena: Arena) throws(CodecError) {
    c.pointee.prompt_token_count = try arena.count(promptTokenCount, "JobFigures.prompt_token_count")
    c.pointee.cached_token_count = try arena.count(cachedTokenCount, "JobFigures.cached_token_count")
    c.pointee.output_token_count = try arena.count(outputTokenCount, "JobFigures.output_token_count")
    c.pointee.ttft_ms = try arena.number(ttftMS, "JobFigures.ttft_ms")
    c.pointee.tpot_ms = try arena.number(tpotMS, "JobFigures.tpot_ms")
    c.pointee.e2e_ms = try Wire.number(e2eMS, "JobFigures.e2e_ms")
  }

  init(reading c: UnsafePointer<Apus__JobFigures>) throws(CodecError) {
    self.init(
      promptTokenCount: try Wire.count(c.pointee.prompt_token_count, "JobFigures.prompt_token_count"),
      cachedTokenCount: try Wire.count(c.pointee.cached_token_count, "JobFigures.cached_token_count"),
      outputTokenCount: try Wire.count(c.pointee.output_token_count, "JobFigures.output_token_count"),
      ttftMS: try Wire.number(c.pointee.ttft_ms, "JobFigures.ttft_ms"),
      tpotMS: try Wire.number(c.pointee.tpot_ms, "JobFigures.tpot_ms"),
      e2eMS: try Wire.number(c.pointee.e2e_ms, "JobFigures.e2e_ms"))
  }
}

extension JobEnd: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__JobEnd>) { apus__job_end__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobEnd>, _ arena: Arena) throws(CodecError) {
    c.pointee.job = try arena.text(job)
    c.pointee.standing = try arena.message(standing)
    c.pointee.figures = try arena.message(figures)
  }

  init(reading c: UnsafePointer<Apus__JobEnd>) throws(CodecError) {
    self.init(
      job: try Wire.id(c.pointee.job, "JobEnd.job"),
      standing: try Wire.message(c.pointee.standing, "JobEnd.standing"),
      figures: try Wire.optional(c.pointee.figures))
  }
}

extension JobAssignment: WireValue {
  static func initialize(_ c: UnsafeMutablePointer<Apus__JobAssignment>) { apus__job_assignment__init(c) }

  func write(to c: UnsafeMutablePointer<Apus__JobAssignment>, _ arena: Arena) throws(CodecError) {
    c.pointee.job = try arena.text(job)
    c.pointee.spec = try arena.message(spec)
    c.pointee.candidate = try arena.message(candidate)
    c.pointee.n_generated_token_ids = generatedTokenIDs.count
    c.pointee.generated_token_ids = try arena.copy(generatedTokenIDs)
    c.pointee.generated_text = try arena.text(generatedText)
  }

  init(reading c: UnsafePointer<Apus__JobAssignment>) throws(CodecError) {
    self.init(
      job: try Wire.id(c.pointee.job, "JobAssignment.job"),
      spec: try Wire.message(c.pointee.spec, "JobAssignment.spec"),
      candidate: try Wire.message(c.pointee.candidate, "JobAssignment.candidate"),
      generatedTokenIDs: Array(
        UnsafeBufferPointer(start: c.pointee.generated_token_ids, count: c.pointee.n_generated_token_ids)),
      generatedText: try Wire.text(c.pointee.generated_text, "JobAssignment.generated_text"))
  }
}
