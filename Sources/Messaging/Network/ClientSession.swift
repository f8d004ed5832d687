import Serving
import ZeroMQ

/// The sockets of a client endpoint and what is done with them. Lives on the endpoint's loop.
final class ClientSession {
  private final class Sockets {
    let monitor: SocketMonitor
    let dealer: Socket

    init(_ options: ZeroMQClientOptions) throws(ZeroMQError) {
      let context = Context()
      dealer = try Socket(
        .dealer, in: context,
        options: [
          .curveClient(serverKey: options.serverKey, keys: options.keys), .onlyCompleteConnections,
          .linger(milliseconds: options.lingerMS),
          .sendQueueLimit(Int32(options.queueLimit)), .receiveQueueLimit(Int32(options.queueLimit)),
          .largestMessage(bytes: Int64(MessageCodec.maximumBytes) + ServerSession.encryptionBytes),
          .reconnect(firstMS: options.firstReconnectMS, mostMS: options.mostReconnectMS),
          .heartbeat(intervalMS: options.heartbeatIntervalMS, timeoutMS: options.heartbeatTimeoutMS),
          .handshakeTimeout(milliseconds: ConnectionState.handshakeTimeoutMS),
        ])
      // Before connecting, so that no event is missed.
      monitor = try SocketMonitor(of: dealer, in: context)
      try dealer.connect(options.address)
    }
  }

  /// Most messages moved before the loop does something else.
  private static let budget = 256

  private let loop: PollLoop
  private let outgoing: OutgoingQueue<[UInt8]>
  private let events: EventQueue
  private let codec = MessageCodec()
  private var sockets: Sockets?
  private var dealerRegistration: PollLoop.Registration?
  private var monitorRegistration: PollLoop.Registration?
  private var interest: PollLoop.Readiness = .input
  private var state: ConnectionState
  private var frame = Frame()

  init(
    _ options: ZeroMQClientOptions, loop: PollLoop, outgoing: OutgoingQueue<[UInt8]>, events: EventQueue
  ) throws(ApusError) {
    self.loop = loop
    self.outgoing = outgoing
    self.events = events
    state = ConnectionState(address: options.address, publicKey: options.keys.publicKey)
    do throws(ZeroMQError) {
      sockets = try Sockets(options)
    } catch {
      throw ApusError(
        error.operation.hasPrefix("connect") ? .usage : .badInput,
        error.operation.hasPrefix("connect")
          ? "cannot connect to \(options.address): \(error.meaning)" : "cannot \(error.operation): \(error.meaning)",
        advice: "give an address as tcp://HOST:PORT, and keys of 40 characters")
    }
  }

  func start() {
    guard let sockets else { return }
    dealerRegistration = loop.add(sockets.dealer, for: interest) { [unowned self] readiness in
      if readiness.contains(.input) { self.read() }
      if readiness.contains(.output) { self.flush() }
    }
    monitorRegistration = loop.add(sockets.monitor.socket, for: .input) { [unowned self] _ in self.observe() }
  }

  /// Sends what can be sent at once, lets it leave for the linger time, and ends.
  func close() {
    flush(isLast: true)
    for registration in [dealerRegistration, monitorRegistration] {
      if let registration { loop.remove(registration) }
    }
    dealerRegistration = nil
    monitorRegistration = nil
    sockets = nil
  }

  deinit { close() }

  // MARK: Receiving

  func read() {
    for _ in 0..<Self.budget {
      guard let sockets else { return }
      // While the owner has enough to read, the messages stay in libzmq and then with the sender.
      guard events.hasRoom() else { return setInterest(interest.subtracting(.input)) }
      do {
        guard try sockets.dealer.receive(into: &frame) else { break }
        if try sockets.dealer.discardRest(after: &frame) > 0 { frame = Frame() }
      } catch {
        preconditionFailure("the client's socket failed: \(error)")
      }
      switch frame.withBytes({ bytes in Result { () throws(CodecError) in try codec.decode(bytes) } }) {
      case .success(let message): events.push(.message(message))
      // The owner hears that something came which it cannot read.
      case .failure(let error): events.push(.message(.refused(error.failure)))
      }
    }
    setInterest(interest.union(.input))
  }

  /// What happened to the connection, after the messages that came before it.
  private func observe() {
    read()
    while let event = nextEvent() {
      switch state.handle(event, at: MonotonicTime.now()) {
      case .connected:
        events.push(.connected)
        outgoing.connected()
        flush()
      case .disconnected:
        outgoing.disconnected()
        events.push(.disconnected)
      case .refused(let error):
        events.push(.refused(error))
        events.finish()
        outgoing.close()
        return close()
      case .message, nil:
        break
      }
    }
  }

  private func nextEvent() -> MonitorEvent.Kind? {
    guard let sockets else { return nil }
    do {
      return try sockets.monitor.next()?.kind
    } catch {
      preconditionFailure("the client's monitor failed: \(error)")
    }
  }

  // MARK: Sending

  func flush(isLast: Bool = false) {
    guard let sockets else { return }
    var isBlocked = false
    let hasMore = outgoing.drain(budget: isLast ? .max : Self.budget) { bytes in
      var frame = Frame(copying: bytes)
      do {
        isBlocked = try !sockets.dealer.send(&frame)
      } catch {
        preconditionFailure("the client's socket failed: \(error)")
      }
      return !isBlocked
    }
    guard !isLast else { return }
    // A blocked socket says when it can go on; otherwise the loop has other things to do first.
    setInterest(isBlocked ? interest.union(.output) : interest.subtracting(.output))
    if hasMore && !isBlocked { setInterest(interest.union(.output)) }
  }

  private func setInterest(_ wanted: PollLoop.Readiness) {
    guard wanted != interest, let dealerRegistration else { return }
    interest = wanted
    loop.setInterest(wanted, of: dealerRegistration)
  }
}
