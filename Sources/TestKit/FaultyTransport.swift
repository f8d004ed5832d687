public import Messaging
public import Serving
import Synchronization

/// A coordinator's end whose messages get lost, doubled and out of order, both ways.
///
/// `spoils` says which messages are exposed to that; hellos, welcomes and refusals usually are not, as a real
/// connection loses everything or nothing before them.
public final class FaultyServerEndpoint: ServerEndpoint {
  private let base: any ServerEndpoint
  private let spoils: @Sendable (Message) -> Bool
  private let incoming: Mutex<FaultyLine<(Peer, Message)>>
  private let outgoing: Mutex<FaultyLine<(Peer, Message)>>
  private let receiver = Mutex<(@Sendable (Peer, Message) -> Void)?>(nil)

  public init(
    _ base: any ServerEndpoint, incoming: FaultPlan, outgoing: FaultPlan,
    spoils: @escaping @Sendable (Message) -> Bool = FaultyTransport.isPayload
  ) {
    self.base = base
    self.spoils = spoils
    self.incoming = Mutex(FaultyLine(incoming))
    self.outgoing = Mutex(FaultyLine(outgoing))
  }

  public var executor: any SerialExecutor { base.executor }
  public var address: String { base.address }

  public func start(receive: @escaping @Sendable (Peer, Message) -> Void) throws(ApusError) {
    receiver.withLock { $0 = receive }
    try base.start { [weak self] peer, message in
      guard let self, self.spoils(message) else { return receive(peer, message) }
      let arriving = self.incoming.withLock { $0.pass((peer, message)) }
      for (peer, message) in arriving { receive(peer, message) }
    }
  }

  /// A message that the faults take is `sent` for all its sender knows.
  public func send(_ message: Message, to peer: Peer) -> SendResult {
    guard spoils(message) else { return base.send(message, to: peer) }
    let leaving = outgoing.withLock { $0.pass((peer, message)) }
    var result = SendResult.sent
    for (receiver, item) in leaving {
      let outcome = base.send(item, to: receiver)
      // Only what became of this very message is its sender's business.
      if receiver == peer && item == message { result = outcome }
    }
    return result
  }

  /// Lets go of everything held back. On the executor only.
  public func releaseHeld() {
    let arriving = incoming.withLock { $0.release() }
    if let receive = receiver.withLock({ $0 }) { for (peer, message) in arriving { receive(peer, message) } }
    for (peer, message) in outgoing.withLock({ $0.release() }) { _ = base.send(message, to: peer) }
  }

  public func stop() {
    receiver.withLock { $0 = nil }
    base.stop()
  }
}

/// A peer's end whose messages get lost, doubled and out of order, both ways.
public final class FaultyClientEndpoint: ClientEndpoint {
  private let base: any ClientEndpoint
  private let spoils: @Sendable (Message) -> Bool
  private let outgoing: Mutex<FaultyLine<Message>>
  public let events: AsyncStream<ConnectionEvent>

  public init(
    _ base: any ClientEndpoint, incoming: FaultPlan, outgoing: FaultPlan,
    spoils: @escaping @Sendable (Message) -> Bool = FaultyTransport.isPayload
  ) {
    self.base = base
    self.spoils = spoils
    self.outgoing = Mutex(FaultyLine(outgoing))
    let source = SpoiledEvents(base.events, incoming, spoils)
    events = AsyncStream { await source.next() }
  }

  public func send(_ message: Message) async throws(ApusError) {
    guard spoils(message) else { return try await base.send(message) }
    for item in outgoing.withLock({ $0.pass(message) }) { try await base.send(item) }
  }

  public func close() { base.close() }
}

public enum FaultyTransport {
  /// Everything but the introduction and refusals.
  public static let isPayload: @Sendable (Message) -> Bool = { message in
    switch message {
    case .hello, .welcome, .refused: false
    default: true
    }
  }
}

/// Reads events and passes their messages through a faulty line.
private actor SpoiledEvents {
  private let events: AsyncStream<ConnectionEvent>
  private var line: FaultyLine<Message>
  private let spoils: @Sendable (Message) -> Bool
  private var ready: [ConnectionEvent] = []

  init(_ events: AsyncStream<ConnectionEvent>, _ plan: FaultPlan, _ spoils: @escaping @Sendable (Message) -> Bool) {
    self.events = events
    line = FaultyLine(plan)
    self.spoils = spoils
  }

  func next() async -> ConnectionEvent? {
    while ready.isEmpty {
      // All iterators of a stream share its place, so a fresh one goes on where the last one was.
      var iterator = events.makeAsyncIterator()
      guard let event = await iterator.next() else { return nil }
      guard case .message(let message) = event, spoils(message) else { return event }
      ready = line.pass(message).map { .message($0) }
    }
    return ready.removeFirst()
  }
}
