import Messaging
import Serving
import TestKit
import Testing
import ZeroMQ

/// A socket under the hand of a test: what a peer with other software could do.
private final class RawPeer {
  private let socket: Socket

  init(_ cluster: TCPCluster, _ security: [SocketOption]) throws {
    socket = try Socket(.dealer, in: Context(), options: security + [.linger(milliseconds: 0)])
    try socket.connect(cluster.address)
  }

  func send(_ frames: [[UInt8]]) throws {
    for (index, bytes) in frames.enumerated() {
      var frame = Frame(copying: bytes)
      #expect(try socket.send(&frame, more: index < frames.count - 1))
    }
  }

  /// The next message; nil when none comes in time.
  ///
  /// - Parameter limit: a second is enough for what is not to come.
  func receive(within limit: Duration = .seconds(300)) async throws -> Message? {
    var frame = Frame()
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      if try socket.receive(into: &frame) { return try MessageCodec().decode(frame.bytes()) }
      // A socket without a loop: nothing tells when a message comes.
      try await Task.sleep(for: .milliseconds(5))
    }
    return nil
  }
}

@Suite("Hostile peers", .timeLimit(.minutes(10)))
struct HostilePeerTests {
  /// Bytes that are no message, empty frames, and messages of several frames are counted, answered and not delivered;
  /// the connection stays good for what is a message.
  @Test func refusesWhatIsNoMessage() async throws {
    let cluster = try TCPCluster()
    let server = RecordingServer(cluster.server)
    try await server.start()
    let keys = try cluster.ring.generate("vandal", role: .client)
    let peer = try RawPeer(cluster, [.curveClient(serverKey: cluster.serverKeys.publicKey, keys: keys)])
    let hello = try MessageCodec().encode(.hello(Hello(role: .client)))
    for frames in [[[0xFF, 0xFF]], [[]], [hello, hello]] as [[[UInt8]]] {
      try peer.send(frames)
      guard case .refused(let error) = try await peer.receive() else {
        Issue.record("\(frames.count) frames were not refused")
        return
      }
      #expect(error.code == .badInput)
    }
    #expect(cluster.server.statistics.undecodableCount == 3)
    try peer.send([hello])
    let received = await server.received(atLeast: 1)
    #expect(received.map(\.message) == [.hello(Hello(role: .client))])
    #expect(received.first?.peer.name == "vandal", "the name of the key, whatever else a peer does")
  }

  /// A frame above the limit ends the connection of its sender and nobody else's.
  @Test func cutsOffWhoSendsTooMuch() async throws {
    let cluster = try TCPCluster()
    let server = RecordingServer(cluster.server)
    try await server.start()
    let keys = try cluster.ring.generate("flood", role: .client)
    let flood = try RawPeer(cluster, [.curveClient(serverKey: cluster.serverKeys.publicKey, keys: keys)])
    try flood.send([[UInt8](repeating: 0, count: 5 << 20)])
    let friend = ScriptedPeer(try cluster.connect("friend", .client))
    try await friend.send(.hello(Hello(role: .client)))
    let received = await server.received(atLeast: 1)
    #expect(received.map(\.peer.name) == ["friend"])
    #expect(try await flood.receive(within: .seconds(1)) == nil)
    friend.close()
  }

  /// A peer without encryption gets no answer and delivers nothing.
  @Test func ignoresUnencryptedPeers() async throws {
    let cluster = try TCPCluster()
    let server = RecordingServer(cluster.server)
    try await server.start()
    let plain = try RawPeer(cluster, [])
    try plain.send([try MessageCodec().encode(.hello(Hello(role: .client)))])
    #expect(try await plain.receive(within: .seconds(1)) == nil)
    let friend = ScriptedPeer(try cluster.connect("friend", .client))
    try await friend.send(.hello(Hello(role: .client)))
    #expect(await server.received(atLeast: 1).map(\.peer.name) == ["friend"])
    friend.close()
  }
}
