import Engines
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Serving

/// Sends one request to an engine and hands its tokens on as they arrive, each with the time it arrived at.
///
/// Every way in which a request can fail is a `RequestFailure`; nothing waits for ever. Cancelling the task closes the
/// connection, and the engine then stops to generate.
public struct StreamingClient: Sendable {
  public var limits: RequestLimits
  /// What limits are counted by; when tokens arrive is always told by real time.
  public var clock: any Clock<Duration>
  /// Whose certificates an `https` server may have; nil for those that the system trusts.
  var trusted: NIOSSLTrustRoots?

  /// - Parameter clock: monotonic; tests give one that stands still.
  public init(limits: RequestLimits = RequestLimits(), clock: (any Clock<Duration>)? = nil) {
    self.limits = limits
    self.clock = clock ?? LoopClock()
  }

  /// Streams one request.
  ///
  /// - Parameter onTokens: called in order. While it runs the engine is not read, and no time-out counts.
  /// - Returns: what the engine says at the end.
  public func stream(
    _ request: GenerationRequest, to endpoint: EngineEndpoint,
    onTokens: @escaping @Sendable (TokenArrival) async -> Void
  ) async throws(RequestFailure) -> GenerationEnd {
    try await follow(request, at: endpoint) { arrival in { await onTokens(arrival) } }
  }

  /// What must be done before the engine is read on. No time-out counts meanwhile.
  public typealias Pause = @Sendable () async -> Void

  /// Streams one request to whoever takes its tokens at once, as a rule: no task is woken for each.
  ///
  /// - Parameter take: called in order, on the thread that the tokens come by, which it must not hold up.
  /// - Returns: what the engine says at the end.
  public func follow(
    _ request: GenerationRequest, at endpoint: EngineEndpoint, take: @escaping @Sendable (TokenArrival) -> Pause?
  ) async throws(RequestFailure) -> GenerationEnd {
    let lineLimitBytes = limits.lineBytes
    let question = try Self.question(request, to: endpoint)
    return try await exchange(question) { answer, sent, watch async throws(RequestFailure) -> GenerationEnd in
      try await Self.checkIsEventStream(answer)
      let reader = StreamReader(
        request, dialect: endpoint.dialect, lineLimitBytes: lineLimitBytes, sent: sent, watch: watch, take: take)
      do {
        while reader.end == nil {
          guard try await answer.body.read(reader.read) else {
            throw RequestFailure.connectionLost("the stream ended before its last event")
          }
          while let pause = reader.takePause() {
            await watch.pausing(pause)
            try reader.handOn()
          }
        }
      } catch {
        throw Self.failure(error)
      }
      return reader.end!.checked(against: request)
    }
  }

  private static func question(
    _ request: GenerationRequest, to endpoint: EngineEndpoint
  ) throws(RequestFailure) -> EngineRequest {
    guard endpoint.dialect == .llamaCpp, request.tools == nil else {
      let json = try OpenAIDialect.body(
        request, servedModel: endpoint.servedModel ?? "default", dialect: endpoint.dialect)
      return .post(json, to: endpoint.baseURL + OpenAIDialect.path(request), key: endpoint.apiKey)
    }
    return .post(try LlamaCppDialect.body(request), to: endpoint.baseURL + LlamaCppDialect.path)
  }

  /// Sends a request, waits for an answer of status 200, and has it read, all on one thread and within the limits.
  ///
  /// - Parameter read: given when the request was sent, and whom to tell of progress.
  func exchange<Value: Sendable>(
    _ request: EngineRequest,
    read:
      @escaping @Sendable (EngineAnswer, ContinuousClock.Instant, ProgressWatch) async throws(RequestFailure) -> Value
  ) async throws(RequestFailure) -> Value {
    let executor = EventLoopExecutor.next()
    let (limits, trusted) = (limits, trusted)
    return try await withTaskExecutorPreference(executor) { () async throws(RequestFailure) -> Value in
      try await ProgressWatch.run(limits, clock: clock) { watch async throws(RequestFailure) -> Value in
        let sent = ContinuousClock.now
        let answer: EngineAnswer
        do {
          answer = try await EngineConnection.send(request, on: executor.loop, trusting: trusted)
        } catch {
          throw Self.failure(error)
        }
        watch.progressed()
        guard answer.head.status == .ok else { throw try await Self.refusal(answer) }
        return try await read(answer, sent, watch)
      }
    }
  }

  private static func refusal(_ answer: EngineAnswer) async throws(RequestFailure) -> RequestFailure {
    let status = Int(answer.head.status.code)
    let body = try await collect(answer, limitBytes: 64 << 10)
    struct Refusal: Decodable { var error: EngineError? }
    let refusal: Refusal? = try? JSONBody.decode(body)
    guard let error = refusal?.error else {
      return .refused(status: status, message: JSONBody.beginning(of: body))
    }
    return LlamaCppDialect.failure(status: status, error)
  }

  /// A web page, or one JSON object, in place of a stream is said to be that, not a connection that broke.
  private static func checkIsEventStream(_ answer: EngineAnswer) async throws(RequestFailure) {
    let type = answer.head.headers.first(name: "Content-Type") ?? "none"
    guard !type.lowercased().hasPrefix("text/event-stream") else { return }
    let body = try await collect(answer, limitBytes: 64 << 10)
    throw .invalidAnswer(
      "a stream of events was asked for, and \(type.prefix(80)) came: \(JSONBody.beginning(of: body))")
  }

  static func collect(_ answer: EngineAnswer, limitBytes: Int) async throws(RequestFailure) -> ByteBufferView {
    do {
      return try await answer.body.collect(upTo: limitBytes).readableBytesView
    } catch {
      throw failure(error)
    }
  }

  private static func failure(_ error: any Error) -> RequestFailure {
    switch error {
    case let failure as RequestFailure: failure
    case is CancellationError: .cancelled
    case HTTPParserError.invalidEOFState: .connectionLost("it was closed in the middle of an answer")
    case let error as HTTPParserError: .invalidAnswer("\(error)")
    case let error as NIOConnectionError: .connectionLost(reason(error))
    case NIOSSLError.handshakeFailed(let error): .connectionLost("TLS cannot be set up: \(error)")
    default: .connectionLost("\(error)")
    }
  }

  /// Of a server that has a name: that it has no address, or that none of them answers.
  private static func reason(_ error: NIOConnectionError) -> String {
    let failures = error.connectionErrors.map { "\($0.target): \($0.error)" }
    return failures.isEmpty ? "\(error.host) has no address" : failures.joined(separator: "; ")
  }
}

extension GenerationEnd {
  /// An engine that stopped for length before the asked length has filled its context.
  fileprivate func checked(against request: GenerationRequest) -> GenerationEnd {
    guard reason == .length, outputTokenCount < request.maxTokens else { return self }
    var end = self
    end.reason = .contextFull
    return end
  }
}
