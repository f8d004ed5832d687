import AsyncHTTPClient
import Engines
import NIOCore
import NIOHTTP1
import Serving

/// Sends one request to an engine and hands its tokens on as they arrive, each with the time it arrived at.
///
/// Every way in which a request can fail is a `RequestFailure`; nothing waits for ever. Cancelling the task closes the
/// connection, and the engine then stops to generate.
public struct StreamingClient: Sendable {
  public var limits: RequestLimits
  /// What limits are counted by; when tokens arrive is always told by real time.
  public var clock: any Clock<Duration>

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
    let question = try Self.question(request, to: endpoint)
    let executor = EventLoopExecutor.next()
    return try await withTaskExecutorPreference(executor) {
      () async throws(RequestFailure) -> GenerationEnd in
      try await stream(question, on: executor.loop, for: request, in: endpoint.dialect, onTokens)
    }
  }

  private func stream(
    _ question: Question, on loop: any EventLoop, for request: GenerationRequest, in dialect: RequestDialect,
    _ onTokens: @escaping @Sendable (TokenArrival) async -> Void
  ) async throws(RequestFailure) -> GenerationEnd {
    let limits = limits
    return try await ProgressWatch.run(limits, clock: clock) { watch async throws(RequestFailure) -> GenerationEnd in
      let sent = ContinuousClock.now
      let response = try await Self.answer(watch) { try await question.post(on: loop) }
      try await Self.checkIsEventStream(response)
      var bounds = StreamBounds(maxTokens: request.maxTokens)
      var events = ServerSentEvents(lineLimitBytes: limits.lineBytes)
      var reader = StreamReader(request, dialect: dialect)
      do {
        for try await bytes in response.body {
          let at = ContinuousClock.now - sent
          try events.append(bytes.readableBytesView) { payload throws(RequestFailure) in
            // Only events are progress: a server may send comments for ever.
            watch.progressed()
            try reader.read(payload, at: at)
            try bounds.countEvent()
          }
          for arrival in reader.takeArrivals() {
            try bounds.count(arrival)
            await watch.pausing { await onTokens(arrival) }
          }
          if let end = reader.end { return end.checked(against: request) }
        }
      } catch {
        throw Self.failure(error)
      }
      throw .connectionLost("the stream ended before its last event")
    }
  }

  private static func question(
    _ request: GenerationRequest, to endpoint: EngineEndpoint
  ) throws(RequestFailure) -> Question {
    guard endpoint.dialect == .llamaCpp, request.tools == nil else {
      return Question(
        json: try OpenAIDialect.body(
          request, servedModel: endpoint.servedModel ?? "default", dialect: endpoint.dialect),
        url: endpoint.baseURL + OpenAIDialect.path(request), key: endpoint.apiKey)
    }
    return Question(json: try LlamaCppDialect.body(request), url: endpoint.baseURL + LlamaCppDialect.path)
  }

  /// A request whose answer is a stream.
  private struct Question {
    let json: [UInt8]
    let url: String
    var key: APIKey?

    /// Over a connection of its own where the address is plain; through the client where there is a name to be looked up,
    /// or TLS.
    func post(on loop: any EventLoop) async throws -> HTTPClientResponse {
      let message = StreamingClient.post(json, to: url, key: key)
      guard let target = EngineConnection.Target(url) else {
        return try await connections.execute(message, deadline: .distantFuture)
      }
      return try await EngineConnection.post(json, message.headers, to: target, on: loop)
    }
  }

  static func post(_ json: [UInt8], to url: String, key: APIKey? = nil) -> HTTPClientRequest {
    var message = get(url, key: key)
    message.method = .POST
    message.headers.add(name: "Content-Type", value: "application/json")
    message.body = .bytes(json)
    return message
  }

  static func get(_ url: String, key: APIKey? = nil) -> HTTPClientRequest {
    var message = HTTPClientRequest(url: url)
    if let key { message.headers.add(name: "Authorization", value: key.authorization) }
    // A kept connection may be closed by the engine just when the next request is written (llama.cpp does so after 5
    // idle seconds). A fresh one costs about 0.1 ms on the loopback interface and cannot.
    message.headers.add(name: "Connection", value: "close")
    return message
  }

  /// Sends and waits for an answer of status 200.
  static func execute(
    _ message: HTTPClientRequest, _ watch: ProgressWatch
  ) async throws(RequestFailure) -> HTTPClientResponse {
    try await answer(watch) { try await connections.execute(message, deadline: .distantFuture) }
  }

  private static func answer(
    _ watch: ProgressWatch, to send: () async throws -> HTTPClientResponse
  ) async throws(RequestFailure) -> HTTPClientResponse {
    let response: HTTPClientResponse
    do {
      response = try await send()
    } catch {
      throw failure(error)
    }
    watch.progressed()
    guard response.status == .ok else {
      let body = try await collect(response, limitBytes: 64 << 10)
      struct Refusal: Decodable { var error: EngineError? }
      let refusal: Refusal? = try? JSONBody.decode(body)
      guard let error = refusal?.error else {
        throw .refused(status: Int(response.status.code), message: JSONBody.beginning(of: body))
      }
      throw LlamaCppDialect.failure(status: Int(response.status.code), error)
    }
    return response
  }

  /// A web page, or one JSON object, in place of a stream is said to be that, not a connection that broke.
  private static func checkIsEventStream(_ response: HTTPClientResponse) async throws(RequestFailure) {
    let type = response.headers.first(name: "Content-Type") ?? "none"
    guard !type.lowercased().hasPrefix("text/event-stream") else { return }
    let body = try await collect(response, limitBytes: 64 << 10)
    throw .invalidAnswer(
      "a stream of events was asked for, and \(type.prefix(80)) came: \(JSONBody.beginning(of: body))")
  }

  static func collect(
    _ response: HTTPClientResponse, limitBytes: Int
  ) async throws(RequestFailure) -> ByteBufferView {
    do {
      return try await response.body.collect(upTo: limitBytes).readableBytesView
    } catch is NIOTooManyBytesError {
      throw .tooLong(limitBytes: limitBytes)
    } catch {
      throw failure(error)
    }
  }

  private static func failure(_ error: any Error) -> RequestFailure {
    switch error {
    case let failure as RequestFailure: failure
    case is CancellationError: .cancelled
    case let error as HTTPClientError where error == .cancelled: .cancelled
    case HTTPParserError.invalidEOFState: .connectionLost("it was closed in the middle of an answer")
    case let error as HTTPParserError: .invalidAnswer("\(error)")
    default: .connectionLost("\(error)")
    }
  }

  /// One pool for the process: it holds no connection between requests, so it has nothing to be shut down for.
  private static let connections: HTTPClient = {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10), read: nil), decompression: .disabled)
    configuration.httpVersion = .http1Only
    // The pool's own default of 8 would make the ninth stream wait in the client and call it the engine's time.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = RequestLimits.streamCount
    // An engine that is not there will not come back: it is started by us, and never on an address of old.
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }()
}

/// Reads the events of one stream in its dialect.
private struct StreamReader {
  private var llamaCpp = LlamaCppDialect()
  private var openAI: OpenAIDialect
  private let isLlamaCpp: Bool
  /// Wanted with each log-probability; nil where none is.
  private let alternatives: Int?
  /// Whether the answer is to be JSON and has not begun to be.
  private var awaitsJSON: Bool
  private var arrivals: [TokenArrival] = []
  private(set) var end: GenerationEnd?

  init(_ request: GenerationRequest, dialect: RequestDialect) {
    isLlamaCpp = dialect == .llamaCpp && request.tools == nil
    openAI = OpenAIDialect(countsByTimings: dialect == .llamaCpp)
    alternatives = request.sampling?.logprobs
    awaitsJSON = request.sampling?.schema != nil
  }

  mutating func read(_ payload: ArraySlice<UInt8>, at: Duration) throws(RequestFailure) {
    guard end == nil else { return }
    let event = isLlamaCpp ? try llamaCpp.read(payload) : try openAI.read(payload)
    if awaitsJSON, let first = event.text.utf8.first(where: { !Self.blanks.contains($0) }) {
      // What llama.cpp cannot follow of a schema it drops with all the rest of it, without a word.
      guard Self.beginsJSON.contains(first) else {
        throw .refused(status: 400, message: "the engine does not follow this schema: its answer is no JSON")
      }
      awaitsJSON = false
    }
    if !event.tokenIDs.isEmpty || !event.text.isEmpty || !event.toolCalls.isEmpty {
      arrivals.append(
        TokenArrival(
          tokenIDs: event.tokenIDs, text: event.text, logprobs: wanted(of: event), toolCalls: event.toolCalls, at: at))
    }
    end = event.end
  }

  private static let blanks = Set(" \t\r\n".utf8)
  private static let beginsJSON = Set("{[\"-0123456789tfn".utf8)

  /// Engines may give more than they were asked for.
  private func wanted(of event: StreamEvent) -> [TokenLogprob] {
    guard let alternatives else { return [] }
    return event.logprobs.prefix(event.tokenIDs.count).map {
      TokenLogprob($0.token, alternatives: Array($0.alternatives.prefix(alternatives)))
    }
  }

  mutating func takeArrivals() -> [TokenArrival] {
    defer { arrivals.removeAll(keepingCapacity: true) }
    return arrivals
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
