import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import OpenAI
import Serving
import Synchronization

/// `/v1/chat/completions` and `/v1/completions`.
struct CompletionRoutes: Sendable {
  let link: CoordinatorLink
  let models: ModelDirectory
  let metrics: GatewayMetrics
  let configuration: GatewayConfiguration

  func add(to router: Router<GatewayContext>) {
    router.post("/v1/chat/completions") { request, context in try await answer(request, context, isChat: true) }
    router.post("/v1/completions") { request, context in try await answer(request, context, isChat: false) }
  }

  private func answer(_ request: Request, _ context: GatewayContext, isChat: Bool) async throws -> Response {
    let readAt = ContinuousClock.now
    let body = try await collect(request, context)
    var asked = try await Self.read(body)
    try asked.take(request.headers)
    guard let name = asked.model else {
      throw RequestRefusal("model", "the field model is missing", code: "missing_field")
    }
    let model = try await models.find(name)
    var specs = try asked.jobs(
      model, isChat: isChat, key: request.headers[.idempotencyKey],
      defaults: CompletionDefaults(seed: .random(in: 0...0x7fff_ffff)))
    // The coordinator knows one client for all API keys.
    for place in specs.indices {
      specs[place].tenant = context.key?.name
      // With a key, its client will ask again.
      if specs[place].idempotencyKey == nil { specs[place].isBound = true }
    }
    let call = Call(
      answer: CompletionAnswer(
        isChat: isChat, id: "", model: model.name, createdAt: Int(Date().timeIntervalSince1970),
        choicesPerPrompt: asked.choiceCount ?? 1), readAt: readAt,
      includesUsage: asked.streamOptions?.includesUsage ?? false)
    let generation = try await Generation.start(
      specs, for: context.client(), over: link, patience: .seconds(configuration.patienceSeconds))
    let named = call.named(generation.jobs[0])
    return asked.isStreamed ?? false
      ? try await stream(generation, named, context.ending) : try await whole(generation, named)
  }

  /// Bytes of a body that are read in less than a millisecond.
  private static let quickBytes = 64 << 10

  private static func read(_ body: ByteBuffer) async throws -> CompletionRequest {
    guard body.readableBytes > quickBytes else { return try CompletionRequest.read(body.readableBytesView) }
    return try await LoopBoundChannel.elsewhere { try CompletionRequest.read(body.readableBytesView) }
  }

  /// The whole body, as long as it comes in time: a client that drips must not keep its place.
  private func collect(_ request: Request, _ context: GatewayContext) async throws -> ByteBuffer {
    let (body, limitBytes) = (request.body, configuration.bodyLimitBytes)
    if let length = request.headers[.contentLength].flatMap(Int.init), length > limitBytes {
      throw NIOTooManyBytesError(maxBytes: limitBytes)
    }
    if request.headers[.expect] != nil { try await context.askForBody() }
    // A timer of the connection's own thread: it is set and taken back without waking another.
    let limit = context.loop.scheduleTask(in: .seconds(Int64(GatewayConfiguration.bodyLimitSeconds))) {}
    return try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
      group.addTask { try await body.collect(upTo: limitBytes) }
      group.addTask {
        try await limit.futureResult.get()
        throw OpenAIError(
          .requestTimeout, "the body was not there after \(GatewayConfiguration.bodyLimitSeconds) s", code: "timeout")
      }
      defer {
        limit.cancel()
        group.cancelAll()
      }
      return try await group.next()!
    }
  }

  private struct Call: Sendable {
    var answer: CompletionAnswer
    let readAt: ContinuousClock.Instant
    let includesUsage: Bool

    /// The same call, named after its first job.
    func named(_ job: JobRecord) -> Call {
      var call = self
      call.answer = CompletionAnswer(
        isChat: answer.isChat, id: (answer.isChat ? "chatcmpl-" : "cmpl-") + job.id.rawValue, model: answer.model,
        createdAt: answer.createdAt, choicesPerPrompt: answer.choicesPerPrompt)
      return call
    }
  }

  /// What the metrics are told of an answer while it comes, so that one that is cut counts as far as it came.
  private struct Progress {
    private let metrics: GatewayMetrics
    private let readAt: ContinuousClock.Instant
    private var tokens: Int?

    init(_ metrics: GatewayMetrics, since readAt: ContinuousClock.Instant) {
      self.metrics = metrics
      self.readAt = readAt
    }

    mutating func take(_ piece: GeneratedTokens) {
      if tokens == nil { metrics.firstToken(afterSeconds: (ContinuousClock.now - readAt).seconds) }
      metrics.generated(tokens: piece.ids.count)
      tokens = (tokens ?? 0) + piece.ids.count
    }

    func end(_ choices: [CompletionAnswer.Choice]) {
      metrics.generated(tokens: max(0, choices.reduce(-(tokens ?? 0)) { $0 + $1.outputTokens }))
    }
  }

  // MARK: Whole

  private func whole(_ generation: Generation, _ call: Call) async throws -> Response {
    var ended = [CompletionAnswer.Choice?](repeating: nil, count: generation.jobs.count)
    var logprobs = [[TokenLogprob]](repeating: [], count: generation.jobs.count)
    var progress = Progress(metrics, since: call.readAt)
    do {
      for try await event in generation.events {
        switch event.kind {
        case .piece(let tokens):
          logprobs[event.choice] += tokens.logprobs
          progress.take(tokens)
        case .ended(let record, let figures):
          ended[event.choice] = CompletionAnswer.Choice(
            record: record, figures: figures, logprobs: logprobs[event.choice])
        }
      }
      try Task.checkCancellation()
    } catch {
      if error is CancellationError { metrics.abandoned() }
      generation.abandon()
      throw error
    }
    let choices = ended.compactMap(\.self)
    for choice in choices { try choice.check() }
    progress.end(choices)
    return Response(json: call.answer.json(choices), headers: Self.headers(choices[0]))
  }

  private static func headers(_ choice: CompletionAnswer.Choice) -> HTTPFields {
    var headers: HTTPFields = [.apusJob: choice.record.id.rawValue]
    headers[.apusNode] = choice.record.worker?.rawValue
    headers[.apusStrategy] = choice.record.configuration?.fingerprint
    headers[.apusPredictedTTFT] = choice.record.predicted?.ttftMS.map { "\(Int($0.rounded()))" }
    headers[.apusTTFT] = choice.ttftMS.map { "\(Int($0.rounded()))" }
    return headers
  }

  // MARK: In pieces

  private func stream(_ generation: Generation, _ call: Call, _ ending: RequestEnding?) async throws -> Response {
    let answer = StreamedAnswer(generation)
    let first = try await firstEvent(generation)
    let headers: HTTPFields = [
      .contentType: "text/event-stream", .cacheControl: "no-cache", .apusJob: generation.jobs[0].id.rawValue,
    ]
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        do {
          try await write(generation, from: first, call, &writer)
          answer.isWritten()
        } catch let error as GenerationFailure {
          ending?.count(error.told.status.code)
          try await writer.write(ByteBuffer(bytes: CompletionAnswer.failure(error.told)))
        } catch {
          // The connection is gone, and with it whoever wanted the rest.
          metrics.abandoned()
          throw error
        }
        try await writer.finish(nil)
      })
  }

  /// What there is to show first. What fails before has a status of its own, by which clients know whether to ask again.
  private func firstEvent(_ generation: Generation) async throws -> Generation.Event? {
    do {
      var events = generation.events.makeAsyncIterator()
      let first = try await events.next()
      try Task.checkCancellation()
      if case .ended(let record, let figures)? = first?.kind {
        try CompletionAnswer.Choice(record: record, figures: figures).check()
      }
      return first
    } catch {
      if error is CancellationError { metrics.abandoned() }
      throw error
    }
  }

  /// Cancels the jobs of a stream that does not come to its end: one that fails, whose client goes away, or that is
  /// never begun because its client was gone before.
  private final class StreamedAnswer: Sendable {
    private let generation: Generation
    private let isDone = Mutex(false)

    init(_ generation: Generation) { self.generation = generation }

    func isWritten() { isDone.withLock { $0 = true } }

    deinit { if !isDone.withLock({ $0 }) { generation.abandon() } }
  }

  /// An end that the client is told of in the stream, which has begun already.
  private struct GenerationFailure: Error { let told: OpenAIError }

  @concurrent private func write(
    _ generation: Generation, from first: Generation.Event?, _ call: Call, _ writer: inout any ResponseBodyWriter
  ) async throws {
    var frames = generation.jobs.indices.map(call.answer.frame)
    var ended: [Int: CompletionAnswer.Choice] = [:]
    // What goes with the next write.
    var bytes = call.answer.isChat ? generation.jobs.indices.flatMap(call.answer.role) : []
    var progress = Progress(metrics, since: call.readAt)
    var events = generation.events.makeAsyncIterator()
    var next = first
    while let event = next {
      switch event.kind {
      case .piece(let tokens):
        progress.take(tokens)
        let wantsLogprobs = generation.jobs[event.choice].spec.sampling?.logprobs != nil
        if !tokens.text.isEmpty || !tokens.logprobs.isEmpty {
          bytes += frames[event.choice].event(tokens.text, wantsLogprobs ? tokens.logprobs : nil)
        }
        if !tokens.toolCalls.isEmpty { bytes += call.answer.calls(choice: event.choice, tokens.toolCalls) }
      case .ended(let record, let figures):
        let choice = CompletionAnswer.Choice(record: record, figures: figures)
        do { try choice.check() } catch { throw GenerationFailure(told: error) }
        ended[event.choice] = choice
        bytes += call.answer.end(choice: event.choice, choice)
      }
      // The end of the last choice goes with what follows it.
      if !bytes.isEmpty, ended.count < generation.jobs.count {
        try await writer.write(ByteBuffer(bytes: bytes))
        bytes = []
      }
      next = try await self.next(&events)
    }
    try Task.checkCancellation()
    let choices = ended.sorted { $0.key < $1.key }.map(\.value)
    progress.end(choices)
    if call.includesUsage { bytes += call.answer.usage(choices) }
    try await writer.write(ByteBuffer(bytes: bytes + CompletionAnswer.done))
  }

  /// The next event; a failure of the coordinator's is one that the client is told.
  @concurrent private func next(_ events: inout Generation.Events.Iterator) async throws -> Generation.Event? {
    do {
      return try await events.next()
    } catch let error as ApusError {
      throw GenerationFailure(told: OpenAIError(error))
    }
  }
}

extension HTTPField.Name {
  static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
  static let apusJob = HTTPField.Name("X-Apus-Job")!
  static let apusNode = HTTPField.Name("X-Apus-Node")!
  static let apusStrategy = HTTPField.Name("X-Apus-Strategy")!
  static let apusPredictedTTFT = HTTPField.Name("X-Apus-Predicted-TTFT-Ms")!
  static let apusTTFT = HTTPField.Name("X-Apus-TTFT-Ms")!
}
