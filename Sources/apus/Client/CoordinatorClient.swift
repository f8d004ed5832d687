import Foundation
import Messaging
import Serving

/// A client's conversation with a coordinator: requests out, answers sorted back to whoever asked.
actor CoordinatorClient {
  private let endpoint: any ClientEndpoint
  private let address: String
  private var nextID: UInt64 = 1
  private var pending: [UInt64: AsyncThrowingStream<ClientResponse, any Error>.Continuation] = [:]
  private var welcome: CheckedContinuation<Result<Welcome, ApusError>, Never>?
  private var ended: ApusError?
  /// The name that this client's key is authorized under.
  private(set) var name = ""
  private var reader: Task<Void, Never>?

  private init(endpoint: any ClientEndpoint, address: String) {
    self.endpoint = endpoint
    self.address = address
  }

  static func connect(
    _ endpoint: any ClientEndpoint, address: String, timeout: Duration
  ) async throws(ApusError) -> CoordinatorClient {
    let client = CoordinatorClient(endpoint: endpoint, address: address)
    try await client.open(timeout: timeout)
    return client
  }

  private func open(timeout: Duration) async throws(ApusError) {
    let limit = Task { [weak self, address] in
      try await Task.sleep(for: timeout)
      await self?.fail(
        ApusError(
          .unavailable, "no coordinator answers at \(address)",
          advice: "check that it runs (`apus coordinator`) and that the address and port are right"))
    }
    defer { limit.cancel() }
    let result = await withCheckedContinuation { continuation in
      welcome = continuation
      reader = Task { [weak self, endpoint] in
        for await event in endpoint.events {
          guard let self else { return }
          await self.take(event)
        }
        await self?.fail(ApusError(.unavailable, "the connection to the coordinator was closed"))
      }
    }
    name = try result.get().peer
  }

  private func take(_ event: ConnectionEvent) async {
    switch event {
    case .connected:
      try? await endpoint.send(.hello(Hello(role: .client)))  // a send that fails ends the event stream too
    case .disconnected:
      // While connecting, the endpoint keeps trying until the time-out says so. Afterwards every open question is lost:
      // a coordinator that comes back does not know what was asked.
      if welcome == nil {
        fail(
          ApusError(
            .tryAgain, "the connection to the coordinator at \(address) was lost",
            advice: "accepted jobs go on: see `apus jobs list`"))
      }
    case .refused(let error):
      fail(error)
    case .message(.welcome(let message)):
      welcome?.resume(returning: .success(message))
      welcome = nil
    case .message(.refused(let error)):
      fail(error)
    case .message(.response(let id, let response)):
      guard let asker = pending[id] else { return }
      if case .failure(let error) = response {
        pending[id] = nil
        asker.finish(throwing: error)
      } else {
        asker.yield(response)
        if response.isLast {
          pending[id] = nil
          asker.finish()
        }
      }
    case .message:
      break  // messages for workers are not for us
    }
  }

  private func fail(_ error: ApusError) {
    guard ended == nil else { return }
    ended = error
    welcome?.resume(returning: .failure(error))
    welcome = nil
    for asker in pending.values { asker.finish(throwing: error) }
    pending = [:]
  }

  /// All answers to a request, in order; ends after the last one or with the failure.
  func answers(to request: ClientRequest) -> AsyncThrowingStream<ClientResponse, any Error> {
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: ClientResponse.self)
    if let ended {
      continuation.finish(throwing: ended)
      return stream
    }
    let id = nextID
    nextID += 1
    pending[id] = continuation
    let sending = Task { [endpoint] in
      do {
        try await endpoint.send(.request(id: id, request))
      } catch {
        continuation.finish(throwing: error)
      }
    }
    continuation.onTermination = { _ in sending.cancel() }
    return stream
  }

  /// The one answer to a request that has just one.
  func ask(_ request: ClientRequest, timeout: Duration = .seconds(30)) async throws -> ClientResponse {
    let limit = Task { [weak self] in
      try await Task.sleep(for: timeout)
      await self?.fail(
        ApusError(.unavailable, "the coordinator did not answer within \(timeout)", advice: "look at its log"))
    }
    defer { limit.cancel() }
    for try await response in answers(to: request) { return response }
    throw ApusError(.bug, "the coordinator ended its answer without saying anything")
  }

  /// Whether the coordinator can still be asked.
  var isOpen: Bool { ended == nil }

  /// Ends all answers with an error, as if the coordinator had given it.
  func giveUp(_ error: ApusError) { fail(error) }

  func close() {
    fail(ApusError(.unavailable, "closed"))
    reader?.cancel()
    endpoint.close()
  }
}
