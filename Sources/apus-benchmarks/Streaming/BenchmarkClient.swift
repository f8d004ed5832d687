import Messaging
import Serving
import TestKit

/// A client that asks one thing after another.
struct BenchmarkClient {
  private let peer: ScriptedPeer
  private var lastID: UInt64 = 0

  /// Connects and introduces itself.
  ///
  /// - Throws: the coordinator's refusal; `unavailable` when the connection ends first.
  init(_ endpoint: any ClientEndpoint) async throws {
    peer = ScriptedPeer(endpoint)
    while let event = await peer.nextEvent() {
      switch event {
      case .connected: try await peer.send(.hello(Hello(role: .client)))
      case .message(.welcome): return
      case .refused(let error), .message(.refused(let error)): throw error
      case .disconnected, .message: break
      }
    }
    throw ApusError(.unavailable, "the connection to the coordinator under test ended")
  }

  /// - Returns: the request's number, which its answers carry.
  mutating func send(_ request: ClientRequest) async throws -> UInt64 {
    lastID += 1
    try await peer.send(.request(id: lastID, request))
    return lastID
  }

  /// The next answer to a request.
  ///
  /// - Throws: the coordinator's refusal; `unavailable` when the connection ends first.
  func next(of request: UInt64) async throws -> ClientResponse {
    while let event = await peer.nextEvent() {
      switch event {
      case .message(.response(request, .failure(let error))): throw error
      case .message(.response(request, let response)): return response
      case .message(.refused(let error)), .refused(let error): throw error
      case .disconnected: throw ApusError(.unavailable, "the coordinator under test went away")
      case .connected, .message: break
      }
    }
    throw ApusError(.unavailable, "the connection to the coordinator under test ended")
  }

  mutating func ask(_ request: ClientRequest) async throws -> ClientResponse {
    try await next(of: try await send(request))
  }

  func close() { peer.close() }
}
