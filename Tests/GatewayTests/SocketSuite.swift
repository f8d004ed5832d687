import Foundation
import FoundationNetworking
import Logging
import Messaging
import Serving
import Testing

@testable import Gateway

/// Tests of a gateway on a real socket, before a coordinator that says what a test wants.
protocol SocketSuite {}

extension SocketSuite {
  func withGateway(
    _ configuration: GatewayConfiguration = GatewayConfiguration(port: 0),
    apiKey: (@Sendable (String) -> GatewayKey?)? = nil,
    _ body: (ScriptedCoordinator, _ port: Int, Gateway) async throws -> Void
  ) async throws {
    let coordinator = ScriptedCoordinator()
    let gateway = Gateway(
      configuration, endpoint: coordinator, address: "here", forms: TestGateway.forms, apiKey: apiKey,
      logger: Logger(label: "test"))
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    let running = Task { try await gateway.run { listening.yield($0) } }
    coordinator.connect()
    var first = ports.makeAsyncIterator()
    let port = try #require(await first.next())
    while try await get(port, "/ready").status != 200 {}
    try await body(coordinator, port, gateway)
    running.cancel()
    _ = try? await running.value
  }

  func get(_ port: Int, _ path: String) async throws -> (status: Int, text: String) {
    try await send(URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)"))))
  }

  func send(_ request: URLRequest) async throws -> (status: Int, text: String) {
    var request = request
    request.timeoutInterval = 600
    let (data, response) = try await URLSession.shared.data(for: request)
    return ((response as? HTTPURLResponse)?.statusCode ?? 0, String(decoding: data, as: UTF8.self))
  }

  /// A chat, up to whether it is streamed.
  static var body: String {
    #"{"model":"m","max_tokens":2,"logprobs":true,"messages":[{"role":"user","content":"p"}],"stream":"#
  }

  /// Answers the gateway's question for models if it has one, and gives what it submits then.
  func submission(_ coordinator: ScriptedCoordinator) async throws -> (id: UInt64, spec: JobSpec) {
    var question = await coordinator.next()
    if question.request == .listModels {
      let model = ModelStatus(profile: .unknown(ModelID("id-of-m"), name: "m"), workers: [WorkerName("w")])
      coordinator.answer(question.id, .models([model]))
      question = await coordinator.next()
    }
    guard case .submit(let spec) = question.request else {
      throw ApusError(.bug, "the gateway asked \(question.request)")
    }
    return (question.id, spec)
  }

  /// A piece of a job's answer, one token.
  func piece(_ job: JobRecord, _ text: String) -> ClientResponse {
    .tokens(TokenChunk(job: job.id, lease: LeaseID("l"), firstIndex: 0, GeneratedTokens([1], text)))
  }
}

/// A client on a bare socket.
struct RawClient {
  private let descriptor: Int32

  init(port: Int) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) == 0 }
    }
    precondition(isConnected, "the gateway does not listen")
  }

  func send(_ body: String) {
    let request =
      "POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    _ = Glibc.send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL))
  }

  /// What comes until that is enough.
  func receive(until isEnough: (String) -> Bool) async throws -> String {
    var text = ""
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while !isEnough(text) {
      let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      if count > 0 { text += String(decoding: bytes[..<count], as: UTF8.self) }
      if count == 0 { throw ApusError(.unavailable, "the connection was closed after: \(text)") }
      if count < 0 { try await Task.sleep(for: .milliseconds(2)) }
    }
    return text
  }

  /// Whether nothing comes in that time.
  func receiveNothing(for time: Duration) async -> Bool {
    var byte: UInt8 = 0
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end {
      if recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT | MSG_PEEK)) >= 0 { return false }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return true
  }

  func leave() { close(descriptor) }
}
