public import Messaging
import Serving

/// A peer that does what a test says, step by step.
public final class ScriptedPeer: Sendable {
  public let endpoint: any ClientEndpoint
  private let reader: Reader

  /// The one reader of the endpoint's events.
  private actor Reader {
    private let events: AsyncStream<ConnectionEvent>

    init(_ events: AsyncStream<ConnectionEvent>) { self.events = events }

    func next() async -> ConnectionEvent? {
      // All iterators of a stream share its place, so a fresh one goes on where the last one was.
      var iterator = events.makeAsyncIterator()
      return await iterator.next()
    }
  }

  public init(_ endpoint: any ClientEndpoint) {
    self.endpoint = endpoint
    reader = Reader(endpoint.events)
  }

  /// A peer that is connected and has said hello.
  public static func join(_ transport: TransportUnderTest, _ name: String, _ role: PeerRole) async throws
    -> ScriptedPeer
  {
    let peer = ScriptedPeer(try transport.connect(name, role))
    await peer.waitForConnection()
    try await peer.send(.hello(Hello(role: role)))
    return peer
  }

  public func send(_ message: Message) async throws { try await endpoint.send(message) }
  public func close() { endpoint.close() }
  public func nextEvent() async -> ConnectionEvent? { await reader.next() }

  /// - Returns: false when the events end first.
  @discardableResult
  public func waitForConnection() async -> Bool {
    while let event = await nextEvent() { if event == .connected { return true } }
    return false
  }

  @discardableResult
  public func waitForDisconnection() async -> Bool {
    while let event = await nextEvent() { if event == .disconnected { return true } }
    return false
  }

  /// The next messages; fewer when the events end first.
  public func messages(_ count: Int) async -> [Message] {
    var messages: [Message] = []
    while messages.count < count, let event = await nextEvent() {
      if case .message(let message) = event { messages.append(message) }
    }
    return messages
  }
}
