import Messaging
import Serving

/// A coordinator's end that welcomes its worker, keeps what it hears and, if told so, confirms reports.
actor TestCoordinator {
  nonisolated let endpoint: any ServerEndpoint
  nonisolated var unownedExecutor: UnownedSerialExecutor { endpoint.executor.asUnownedSerialExecutor() }

  private let welcomes: Bool
  private let confirms: Bool
  private(set) var messages: [Message] = []
  private var peer: Peer?
  private var waiters: [(condition: @Sendable ([Message]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

  static let heartbeatMS = 1000

  init(_ endpoint: any ServerEndpoint, welcomes: Bool = true, confirms: Bool = false) {
    self.endpoint = endpoint
    self.welcomes = welcomes
    self.confirms = confirms
  }

  func start() throws {
    try endpoint.start { [weak self] peer, message in
      self?.assumeIsolated { $0.take(message, from: peer) }
    }
  }

  private func take(_ message: Message, from peer: Peer) {
    self.peer = peer
    messages.append(message)
    switch message {
    case .hello where welcomes: send(.welcome(Welcome(peer: peer.name, heartbeatMS: Self.heartbeatMS)))
    case .report(let report) where confirms: send(.reportStored(report.measurement.id))
    default: break
    }
    // Asked once each: a condition may look at what changes meanwhile.
    waiters.removeAll { waiter in
      let isMet = waiter.condition(messages)
      if isMet { waiter.continuation.resume() }
      return isMet
    }
  }

  func send(_ message: Message) { _ = endpoint.send(message, to: peer!) }

  /// Everything heard, once the condition holds.
  @discardableResult
  func heard(_ condition: @escaping @Sendable ([Message]) -> Bool) async -> [Message] {
    if !condition(messages) {
      await withCheckedContinuation { waiters.append((condition, $0)) }
    }
    return messages
  }
}

extension [Message] {
  var hellos: [WorkerDescription] { compactMap { if case .hello(let hello) = $0 { hello.worker } else { nil } } }
  var heartbeats: [Heartbeat] { compactMap { if case .heartbeat(let beat) = $0 { beat } else { nil } } }
  var chunks: [TokenChunk] { compactMap { if case .tokens(let chunk) = $0 { chunk } else { nil } } }
  var reports: [Report] { compactMap { if case .report(let report) = $0 { report } else { nil } } }
  var launchAnswers: [LaunchAnswer] {
    compactMap { if case .launchAnswer(let answer) = $0 { answer } else { nil } }
  }
  var hostingAnswers: [HostingAnswer] {
    compactMap { if case .hostingAnswer(let answer) = $0 { answer } else { nil } }
  }
  var placementReports: [PlacementReport] {
    compactMap { if case .placementReport(let report) = $0 { report } else { nil } }
  }
  var offsets: [ModelOffset] { compactMap { if case .modelOffset(let offset) = $0 { offset } else { nil } } }
}
