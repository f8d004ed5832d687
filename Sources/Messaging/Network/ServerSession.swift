import Serving
import Synchronization
import ZeroMQ

/// The sockets of a server endpoint and what is done with them. Lives on the endpoint's loop.
final class ServerSession {
  /// Closed together, the sockets before their context.
  private final class Sockets {
    let router: Socket
    let authenticator: Authenticator

    init(_ options: ServerOptions, onRefusal: @escaping () -> Void) throws(ZeroMQError) {
      let context = Context()
      let authorized = options.authorized
      authenticator = try Authenticator(
        in: context, admits: { authorized.identity(of: $0, isNewcomer: true) != nil }, onRefusal: onRefusal)
      router = try Socket(
        .router, in: context,
        options: [
          .curveServer(secretKey: options.keys.secretKey), .authentication(domain: "apus"), .mandatoryRouting,
          .linger(milliseconds: options.lingerMS),
          .sendQueueLimit(Int32(options.queueLimit)), .receiveQueueLimit(Int32(options.receiveLimit)),
          .largestMessage(bytes: Int64(MessageCodec.maximumBytes) + ServerSession.encryptionBytes),
          .heartbeat(intervalMS: options.heartbeatIntervalMS, timeoutMS: options.heartbeatTimeoutMS),
          .handshakeTimeout(milliseconds: ConnectionState.handshakeTimeoutMS),
        ])
      try router.bind(options.address)
    }
  }

  /// Room for what CURVE adds to a message on the wire (33 bytes), rounded up.
  static let encryptionBytes: Int64 = 64

  private let options: ServerOptions
  private let loop: PollLoop
  private let statistics: ServerCounters
  private let codec = MessageCodec()
  // What each message asks for is unchecked: the runtime would note each look at it, and only the loop's thread looks.
  @exclusivity(unchecked) private var sockets: Sockets?
  private var registrations: [PollLoop.Registration] = []
  @exclusivity(unchecked) private var peers: PeerTable
  @exclusivity(unchecked) private var queue = SendQueue()
  @exclusivity(unchecked) private var flushIsDue = false
  /// `AuthorizedKeys.generation`, asked for once a turn and whenever messages leave.
  @exclusivity(unchecked) private var generation = 0
  /// That when the first of `queue` was let in.
  @exclusivity(unchecked) private var queueGeneration = 0
  private var receive: ((Peer, Message) -> Void)?
  @exclusivity(unchecked) private var identityFrame = Frame()
  @exclusivity(unchecked) private var bodyFrame = Frame()
  /// Whether `bodyFrame` is the last of several frames, which no message of ours has.
  @exclusivity(unchecked) private var hasExtraFrames = false

  init(_ options: ServerOptions, loop: PollLoop, statistics: ServerCounters) throws(ApusError) {
    self.options = options
    self.loop = loop
    self.statistics = statistics
    peers = PeerTable(authorized: options.authorized, limit: options.connectionLimit)
    do throws(ZeroMQError) {
      sockets = try Sockets(options) { statistics.update { $0.refusedHandshakeCount += 1 } }
    } catch {
      throw Self.failure(error, options)
    }
  }

  var address: String { sockets?.router.boundAddress ?? "" }

  private static func failure(_ error: ZeroMQError, _ options: ServerOptions) -> ApusError {
    if error.isAddressInUse {
      return ApusError(
        .unavailable, "the address \(options.address) is in use by another process",
        advice: "stop that process (`ss -ltnp` names it) or listen elsewhere with --bind tcp://HOST:PORT")
    }
    if error.operation.hasPrefix("bind") {
      return ApusError(
        error.isInvalidArgument ? .usage : .unavailable, "cannot listen on \(options.address): \(error.meaning)",
        advice: "give an address of this machine as tcp://HOST:PORT")
    }
    return ApusError(.badInput, "cannot open the coordinator's socket: \(error)", advice: "check the coordinator's key")
  }

  /// Lets peers shake hands. What they send waits for `start`.
  func admitPeers() {
    guard let sockets else { return }
    registrations.append(
      loop.add(sockets.authenticator.socket, for: .input) { [unowned self] _ in
        self.sockets?.authenticator.answerAll()
      })
  }

  func start(_ receive: @escaping (Peer, Message) -> Void) {
    guard let sockets else { return }
    precondition(self.receive == nil, "a server endpoint is started once")
    self.receive = receive
    registrations.append(loop.add(sockets.router, for: .input) { [unowned self] _ in self.drain() })
  }

  func stop() {
    flush()
    for registration in registrations { loop.remove(registration) }
    registrations = []
    receive = nil
    sockets = nil
  }

  deinit { stop() }

  // MARK: Receiving

  private func drain() {
    generation = options.authorized.generation
    for _ in 0..<options.drainBudget {
      // A message may make the owner stop.
      guard let sockets, receiveMessage(sockets) else { return }
      handleMessage()
    }
  }

  /// Fills the frames; false when no message waits.
  private func receiveMessage(_ sockets: Sockets) -> Bool {
    do {
      guard try sockets.router.receive(into: &identityFrame) else { return false }
      guard identityFrame.hasMore, try sockets.router.receive(into: &bodyFrame) else {
        // Without a body there is no user id either, so this is refused like an unknown key.
        bodyFrame = Frame()
        return true
      }
      hasExtraFrames = try sockets.router.discardRest(after: &bodyFrame) > 0
      return true
    } catch {
      preconditionFailure("the server's socket failed: \(error)")
    }
  }

  private func handleMessage() {
    guard let number = identityFrame.withBytes({ PeerTable.number(of: $0) }) else {
      return statistics.update { $0.undecodableCount += 1 }
    }
    guard
      let peer = peers.current(number, generation: generation, isKey: { bodyFrame.hasUserID($0) })
        ?? bodyFrame.userID.flatMap({ peers.identify(number, key: $0, generation: generation) })
    else {
      statistics.update { $0.refusedMessageCount += 1 }
      return refuse(number, Self.isNotLetIn)
    }
    switch decodeBody() {
    case .success(let message):
      if let refusal = MessageDirection.refusal(of: message, from: peer) {
        statistics.update { $0.refusedMessageCount += 1 }
        return refuse(number, refusal)
      }
      receive?(peer, message)
    case .failure(let error):
      statistics.update { $0.undecodableCount += 1 }
      refuse(number, error.failure)
    }
  }

  private func decodeBody() -> Result<Message, CodecError> {
    guard !hasExtraFrames else { return .failure(.malformed) }
    return bodyFrame.withBytes { bytes in Result { () throws(CodecError) in try codec.decode(bytes) } }
  }

  private static let isNotLetIn = ApusError(
    .keyRefused, "this key is not let in any more", advice: "ask the coordinator's owner: apus keys authorize")

  /// Tells a connection why its message went nowhere. When it does not read, it is not told.
  private func refuse(_ number: UInt32, _ error: ApusError) {
    guard var frame = try? encode(.refused(error)) else { return }
    // Behind what it is to get already.
    flush()
    _ = transmit(&frame, to: number)
  }

  // MARK: Sending

  /// Takes a message, which leaves in this turn of the loop. `full` while the connection has not taken earlier ones.
  func send(_ message: Message, to peer: Peer) -> SendResult {
    guard sockets != nil else { return .gone }
    if !flushIsDue { generation = options.authorized.generation }
    switch peers.access(of: peer, generation: generation) {
    case .open: break
    case .revoked:
      // It may say nothing itself, and wait for what will never come.
      refuse(peer.connection, Self.isNotLetIn)
      return .gone
    case .unknown: return .gone
    }
    if queue.isEmpty { queueGeneration = generation }
    if queue.isFull(peer) {
      flush()
      if queue.isFull(peer) {
        statistics.update { $0.fullCount += 1 }
        return .full
      }
    }
    let isBurst: Bool
    do throws(CodecError) {
      isBurst = queue.add(try encode(message), to: peer)
    } catch {
      statistics.update { $0.unencodableCount += 1 }
      guard let instead = try? encode(Self.substitute(for: message, error)) else { return .gone }
      isBurst = queue.add(instead, to: peer)
    }
    if isBurst { flush() } else { flushAtTurnEnd() }
    return .sent
  }

  private func flushAtTurnEnd() {
    guard !flushIsDue else { return }
    flushIsDue = true
    loop.atTurnEnd { [weak self] in
      self?.flushIsDue = false
      self?.flush()
    }
  }

  private func flush() {
    // A key may be revoked while a full connection holds its messages up.
    generation = options.authorized.generation
    let isUnchanged = generation == queueGeneration
    queueGeneration = generation
    queue.flush { frame, peer in
      guard isUnchanged || peers.access(of: peer, generation: generation) == .open else { return .gone }
      let result = transmit(&frame, to: peer.connection)
      if result == .gone { peers.remove(peer) }
      return result
    }
    // What is held up leaves in one of the next turns.
    if !queue.isEmpty { flushAtTurnEnd() }
  }

  /// What a peer gets in place of a message that cannot be encoded, so that it does not wait for nothing.
  private static func substitute(for message: Message, _ error: CodecError) -> Message {
    let failure = ApusError(
      .badInput, "the coordinator's answer cannot be sent: \(error)", advice: "ask for less, such as fewer jobs")
    if case .response(let id, _) = message { return .response(id: id, .failure(failure)) }
    return .refused(failure)
  }

  private func encode(_ message: Message) throws(CodecError) -> Frame {
    try codec.encode(message) { size, pack in
      Frame(count: size) { pack($0.baseAddress?.assumingMemoryBound(to: UInt8.self)) }
    }
  }

  private func transmit(_ frame: inout Frame, to connection: UInt32) -> SendResult {
    guard let sockets else { return .gone }
    do {
      var identity = PeerTable.routingID(connection)
      guard try sockets.router.send(&identity, more: true) else { return .full }
      // The router checked for room when it took the identity, and takes the rest of that message.
      guard try sockets.router.send(&frame) else { return .full }
      return .sent
    } catch {
      precondition(error.isHostUnreachable, "the server's socket failed: \(error)")
      return .gone
    }
  }
}

/// Counts from the loop, read from anywhere.
final class ServerCounters: Sendable {
  private let statistics = Mutex(ServerStatistics())

  var current: ServerStatistics { statistics.withLock { $0 } }
  func update(_ change: (inout ServerStatistics) -> Void) { statistics.withLock { change(&$0) } }
}
