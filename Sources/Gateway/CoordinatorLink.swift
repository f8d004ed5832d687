import Logging
import Messaging
import Serving

/// The gateway's one connection to the coordinator: all requests over it, their answers sorted back to whoever asked.
///
/// It comes back by itself when the coordinator does. What was asked before then is lost and says so; accepted jobs go on.
/// Answers that wait for a slow reader are never more than a job's own tokens, and jobs at once are limited.
actor CoordinatorLink {
  typealias Answers = AsyncThrowingStream<ClientResponse, any Error>

  /// What comes of a request.
  enum News: Sendable {
    case answer(ClientResponse)
    /// Nothing follows; with what it failed of, if it did.
    case end((any Error)?)
  }

  /// Takes the news of one request, one after the other. It must not take long.
  typealias Taker = @Sendable (News) -> Void

  private let endpoint: any ClientEndpoint
  private let address: String
  private let logger: Logger
  /// Between two attempts to be let in.
  private let retryInterval: Duration
  private var nextID: UInt64 = 1
  private var pending: [UInt64: Question] = [:]
  private(set) var isUp = false
  /// What the coordinator calls this client; empty until it has answered once.
  private(set) var name = ""
  /// Why nothing comes: a key that was refused, another protocol version.
  private var refusal: ApusError?
  /// Whether another attempt to be let in is on its way.
  private var willGreet = false
  /// Whether nothing new is submitted any more.
  private var isStopping = false

  /// A request whose last answer has not come.
  private struct Question {
    let take: Taker
    /// Of a submission, whether its job is cancelled when nobody takes its answers any more.
    let isBound: Bool
    /// Of a submission, once it is accepted.
    var job: JobID?
    /// Nobody takes its answers any more.
    var isForsaken = false
  }

  init(_ endpoint: any ClientEndpoint, address: String, logger: Logger, retryInterval: Duration = .seconds(3)) {
    self.endpoint = endpoint
    self.address = address
    self.logger = logger
    self.retryInterval = retryInterval
  }

  /// Reads until the endpoint is closed.
  ///
  /// - Throws: why the coordinator took no connection: nothing will come by this endpoint any more.
  func run() async throws(ApusError) {
    let refusal = await withTaskExecutorPreference(taskExecutor) {
      var refusal: ApusError?
      for await event in endpoint.events {
        await take(event)
        if case .refused(let error) = event { refusal = error }
      }
      return refusal
    }
    lose(Self.stopping)
    if let refusal { throw refusal }
  }

  nonisolated func close() { endpoint.close() }

  /// The thread that answers come by: what is done with them is best done there.
  nonisolated var taskExecutor: (any TaskExecutor)? { endpoint.taskExecutor }

  private func take(_ event: ConnectionEvent) async {
    switch event {
    case .connected: await greet()
    case .disconnected:
      if isUp { logger.warning("the coordinator at \(address) is lost") }
      refusal = nil
      lose(notThere)
    case .refused(let error), .message(.refused(let error)): take(error)
    case .message(.welcome(let welcome)):
      if !isUp { logger.info("the coordinator at \(address) answers \(welcome.peer)") }
      refusal = nil
      name = welcome.peer
      isUp = true
    case .message(.response(let id, let response)): deliver(response, id)
    case .message: break  // not for clients
    }
  }

  private func greet() async {
    try? await endpoint.send(.hello(Hello(role: .client)))  // a send that fails ends the events, too
  }

  /// A key that was let in is refused at whatever it asks once it is revoked; any other refusal is of one message, whose
  /// asker it does not name.
  private func take(_ error: ApusError) {
    if error != refusal { logger.warning("the coordinator at \(address) refuses: \(error.reason); \(error.advice)") }
    if isUp, error.code != .keyRefused { return }
    refusal = error
    lose(error)
    // It does not say so when it lets the key in again.
    guard !willGreet else { return }
    willGreet = true
    Task { [weak self, retryInterval] in
      try? await Task.sleep(for: retryInterval)
      await self?.greetAgain()
    }
  }

  private func greetAgain() async {
    willGreet = false
    if refusal != nil { await greet() }
  }

  private func deliver(_ response: ClientResponse, _ id: UInt64) {
    guard let question = pending[id] else { return }
    if case .accepted(let record) = response { pending[id]!.job = record.id }
    if question.isForsaken { return end(id) }
    if case .failure(let error) = response {
      pending[id] = nil
      question.take(.end(error))
      return
    }
    question.take(.answer(response))
    guard response.isLast else { return }
    pending[id] = nil
    question.take(.end(nil))
  }

  /// Nobody takes the answers any more. A bound job is cancelled, as soon as it has a name.
  func forsake(_ id: UInt64) {
    guard let question = pending[id] else { return }
    guard question.isBound, question.job == nil else { return end(id) }
    pending[id]!.isForsaken = true
  }

  private func end(_ id: UInt64) {
    guard let question = pending.removeValue(forKey: id) else { return }
    question.take(.end(CancellationError()))
    guard question.isBound, let job = question.job else { return }
    // One that ended meanwhile cannot be cancelled, and need not be.
    let answers = answers(to: .cancelJob(job))
    Task { for try await _ in answers {} }
  }

  private func lose(_ error: ApusError) {
    isUp = false
    let lost = pending.values
    pending = [:]
    for question in lost { question.take(.end(error)) }
  }

  /// Ends all answers with a failure, and waits until the bound jobs that they were of are cancelled.
  ///
  /// - Parameter patience: with a coordinator that does not answer.
  func stop(within patience: Duration) async {
    isStopping = true
    for (id, question) in pending {
      question.take(.end(Self.stopping))
      forsake(id)
    }
    // What is left are submissions, each of which is cancelled once it is accepted, and cancellations.
    let end = ContinuousClock.now + patience
    while !pending.isEmpty, .now < end, (try? await Task.sleep(for: .milliseconds(10))) != nil {}
  }

  private static let stopping = ApusError(.unavailable, "the gateway is stopping", advice: "ask again when it is back")

  private var notThere: ApusError {
    ApusError(
      .unavailable, "no coordinator answers at \(address)",
      advice: "ask again when it is back; accepted jobs go on by themselves")
  }

  /// Has `take` told all that comes of a request, in order, to the last answer and the end.
  ///
  /// - Returns: its number, to `forsake` it by; nil where it was not sent, of which `take` knows already.
  func ask(_ request: ClientRequest, _ take: @escaping Taker) -> UInt64? {
    guard isUp else {
      take(.end(refusal ?? notThere))
      return nil
    }
    var isBound = false
    if case .submit(let spec) = request {
      guard !isStopping else {
        take(.end(Self.stopping))
        return nil
      }
      isBound = spec.isBound == true
    }
    let id = nextID
    nextID += 1
    pending[id] = Question(take: take, isBound: isBound)
    Task(executorPreference: taskExecutor) { [weak self, endpoint] in
      do throws(ApusError) {
        try await endpoint.send(.request(id: id, request))
      } catch {
        await self?.fail(id, error)
      }
    }
    return id
  }

  /// All answers to a request in order, to the last one or the failure. A bound job (`JobSpec.isBound`) is cancelled
  /// when they are taken no longer.
  func answers(to request: ClientRequest) -> Answers {
    let (stream, continuation) = Answers.makeStream()
    let id = ask(request) { news in
      switch news {
      case .answer(let response): continuation.yield(response)
      case .end(let error): continuation.finish(throwing: error)
      }
    }
    if let id {
      continuation.onTermination = { [weak self, taskExecutor] reason in
        guard case .cancelled = reason else { return }
        Task(executorPreference: taskExecutor) { await self?.forsake(id) }
      }
    }
    return stream
  }

  /// A request that cannot be sent.
  private func fail(_ id: UInt64, _ error: ApusError) {
    // What is wrong with a message is its size: the fields were checked as they were read.
    let isTooLarge = error.code == .badInput
    pending.removeValue(forKey: id)?.take(
      .end(isTooLarge ? OpenAIError(.contentTooLarge, error.reason, code: "body_too_large") : error))
  }

  /// The one answer to a request that has just one.
  func ask(_ request: ClientRequest) async throws -> ClientResponse {
    for try await response in answers(to: request) { return response }
    try Task.checkCancellation()
    throw ApusError(.bug, "the coordinator ended its answer without saying anything")
  }
}
