import Testing
import ZeroMQ

/// Sockets kept in an object, as a move-only local would be closed after its last use.
private final class Ends {
  let server: Socket
  let client: Socket

  init(_ server: consuming Socket, _ client: consuming Socket) {
    self.server = server
    self.client = client
  }

  /// The client's message at the server: routing id and body; nil when nothing comes in time.
  func exchange(within limit: Duration) async throws -> ([UInt8], [UInt8])? {
    var hello = Frame(copying: Array("hello".utf8))
    var isSent = false
    var identity = Frame()
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      if !isSent { isSent = try client.send(&hello) }
      if try server.receive(into: &identity) {
        var body = Frame()
        #expect(try server.receive(into: &body))
        return (identity.bytes(), body.bytes())
      }
      // Two sockets without a loop: libzmq's threads need a moment, and nothing tells when.
      try await Task.sleep(for: .milliseconds(5))
    }
    return nil
  }
}

@Suite("Sockets", .timeLimit(.minutes(10)))
struct SocketTests {
  private let context = Context()

  /// Frames pass unchanged, the empty one too, and a multi-frame message is recognized.
  @Test func passesFrames() throws {
    final class Pair {
      let a: Socket
      let b: Socket
      init(_ context: Context) throws(ZeroMQError) {
        a = try Socket(.pair, in: context)
        b = try Socket(.pair, in: context)
        try a.bind("inproc://frames")
        try b.connect("inproc://frames")
      }
    }
    let pair = try Pair(context)
    for (index, bytes) in [[], [0], Array(0...255)].enumerated() {
      var frame = Frame(copying: bytes.map { UInt8($0) })
      #expect(try pair.a.send(&frame, more: index < 2))
    }
    var frame = Frame()
    #expect(try pair.b.receive(into: &frame))
    #expect(frame.count == 0 && frame.hasMore)
    #expect(try pair.b.discardRest(after: &frame) == 2)
    #expect(frame.bytes() == Array(0...255))
    #expect(try !pair.b.receive(into: &frame))
  }

  /// With mandatory routing an unknown peer is an error, not a silent loss.
  @Test func reportsUnknownPeers() throws {
    let ends = Ends(
      try Socket(.router, in: context, options: [.mandatoryRouting, .linger(milliseconds: 0)]),
      try Socket(.dealer, in: context, options: [.linger(milliseconds: 0)]))
    try ends.server.bind("tcp://127.0.0.1:*")
    var identity = Frame(copying: [0, 1, 2, 3, 4])
    do {
      _ = try ends.server.send(&identity, more: true)
      Issue.record("an unknown peer was sent to")
    } catch {
      #expect(error.isHostUnreachable)
    }
  }

  /// A taken port is told apart, so that a person can be told what to do.
  @Test func recognizesATakenPort() throws {
    let ends = Ends(try Socket(.router, in: context), try Socket(.router, in: context))
    try ends.server.bind("tcp://127.0.0.1:*")
    do {
      try ends.client.bind(ends.server.boundAddress)
      Issue.record("two sockets listen on one port")
    } catch {
      #expect(error.isAddressInUse)
      #expect(error.operation == "bind \(ends.server.boundAddress)")
    }
  }

  /// The trap that `SocketOption.authentication` closes: a CURVE server whose authenticator does not run. With the
  /// option it admits nobody; the same server without it admits any key, which shows that the first half can fail.
  @Test(arguments: [true, false])
  func failsClosedWithoutAnAuthenticator(isEnforced: Bool) async throws {
    let serverKeys = CurveKeyPair.generate()
    var options: [SocketOption] = [.curveServer(secretKey: serverKeys.secretKey), .linger(milliseconds: 0)]
    if isEnforced { options.append(.authentication(domain: "test")) }
    let ends = Ends(
      try Socket(.router, in: context, options: options),
      try Socket(
        .dealer, in: context,
        options: [
          .curveClient(serverKey: serverKeys.publicKey, keys: .generate()), .linger(milliseconds: 0),
          .onlyCompleteConnections,
        ]))
    try ends.server.bind("tcp://127.0.0.1:*")
    try ends.client.connect(ends.server.boundAddress)
    // Half a second is enough for what is not to come.
    let message = try await ends.exchange(within: isEnforced ? .milliseconds(500) : .seconds(300))
    #expect((message == nil) == isEnforced)
  }

  /// A key that is no key is refused when the socket is made.
  @Test func refusesMalformedKeys() {
    do {
      _ = try Socket(.router, in: context, options: [.curveServer(secretKey: "too short")])
      Issue.record("a malformed key was taken")
    } catch {
      #expect(error.isInvalidArgument)
    }
  }
}
