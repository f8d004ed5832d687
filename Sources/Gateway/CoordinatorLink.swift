import Messaging
import Serving

/// The gateway's one connection to the coordinator: all requests over it, their answers sorted back to whoever asked.
///
/// It comes back by itself when the coordinator does. What was asked before then is lost and says so; accepted jobs go on.
/// Answers that wait for a slow reader are never more than a job's own tokens, and jobs at once are limited.
actor CoordinatorLink {
  typealias Answers = AsyncThrowingStream<ClientResponse, any Error>

  private let endpoint: any ClientEndpoint
  private let address: String
  private var nextID: UInt64 = 1
  private var pending: [UInt64: Answers.Continuation] = [:]
  /// Submissions that are not accepted yet. One that nobody waits for any more is cancelled when its job has a name.
  private var unaccepted: Set<UInt64> = []
  private(set) var isUp = false
  /// Why nothing will come any more: a key that was refused, another protocol version.
  private var refusal: ApusError?

  init(_ endpoint: any ClientEndpoint, address: String) {
    self.endpoint = endpoint
    self.address = address
  }

  /// Reads until the endpoint is closed.
  func run() async {
    for await event in endpoint.events { await take(event) }
    lose(ApusError(.unavailable, "the gateway is stopping"))
  }

  nonisolated func close() { endpoint.close() }

  private func take(_ event: ConnectionEvent) async {
    switch event {
    case .connected: try? await endpoint.send(.hello(Hello(role: .client)))  // a send that fails ends the events, too
    case .disconnected: lose(notThere)
    case .refused(let error), .message(.refused(let error)):
      refusal = error
      lose(error)
    case .message(.welcome):
      refusal = nil
      isUp = true
    case .message(.response(let id, let response)): deliver(response, id)
    case .message: break  // not for clients
    }
  }

  private func deliver(_ response: ClientResponse, _ id: UInt64) {
    let isSubmission = unaccepted.remove(id) != nil
    guard let asker = pending[id] else {
      if isSubmission, case .accepted(let record) = response { cancel(record) }
      return
    }
    if case .failure(let error) = response {
      pending[id] = nil
      asker.finish(throwing: error)
      return
    }
    asker.yield(response)
    guard response.isLast else { return }
    pending[id] = nil
    asker.finish()
  }

  private func cancel(_ job: JobRecord) {
    // One that ended meanwhile cannot be cancelled, and need not be.
    Task { _ = try? await ask(.cancelJob(job.id)) }
  }

  private func lose(_ error: ApusError) {
    isUp = false
    for asker in pending.values { asker.finish(throwing: error) }
    pending = [:]
    unaccepted = []
  }

  private var notThere: ApusError {
    ApusError(
      .unavailable, "no coordinator answers at \(address)",
      advice: "ask again when it is back; accepted jobs go on by themselves")
  }

  /// All answers to a request in order, to the last one or the failure.
  func answers(to request: ClientRequest) -> Answers {
    let (stream, continuation) = Answers.makeStream()
    guard isUp else {
      continuation.finish(throwing: refusal ?? notThere)
      return stream
    }
    let id = nextID
    nextID += 1
    pending[id] = continuation
    // With a key its client will ask again, and the job goes on.
    if case .submit(let spec) = request, spec.idempotencyKey == nil { unaccepted.insert(id) }
    continuation.onTermination = { [weak self] _ in Task { await self?.forget(id) } }
    Task { [endpoint] in
      do { try await endpoint.send(.request(id: id, request)) } catch { continuation.finish(throwing: error) }
    }
    return stream
  }

  private func forget(_ id: UInt64) { pending[id] = nil }

  /// The one answer to a request that has just one.
  func ask(_ request: ClientRequest) async throws -> ClientResponse {
    for try await response in answers(to: request) { return response }
    try Task.checkCancellation()
    throw ApusError(.bug, "the coordinator ended its answer without saying anything")
  }
}
