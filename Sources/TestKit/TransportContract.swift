public import Messaging
import Serving
import Synchronization

/// A transport to be checked: a coordinator's end that is not started yet, and ways to make peers.
public struct TransportUnderTest: Sendable {
  public var server: any ServerEndpoint
  /// A peer of that name and role, let in and connecting.
  public var connect: @Sendable (String, PeerRole) throws -> any ClientEndpoint
  /// Ends the coordinator's end and puts a fresh one in its place.
  public var replaceServer: @Sendable () async throws -> any ServerEndpoint

  public init(
    server: any ServerEndpoint, connect: @escaping @Sendable (String, PeerRole) throws -> any ClientEndpoint,
    replaceServer: @escaping @Sendable () async throws -> any ServerEndpoint
  ) {
    self.server = server
    self.connect = connect
    self.replaceServer = replaceServer
  }
}

/// What every transport keeps. Each rule is checked on a fresh transport.
public enum TransportContract: String, Sendable, CaseIterable {
  case keepsOrder, carriesLargeMessages, saysHelloFirst, knowsRoles, forgetsClosedPeers, answersFullAndLosesNothing
  case slowsSendersDownAndLosesNothing, reconnects, endsWhenClosed

  public func check(_ transport: TransportUnderTest) async throws {
    let server = RecordingServer(transport.server)
    if self != .slowsSendersDownAndLosesNothing { try await server.start() }
    switch self {
    case .keepsOrder: try await Self.keepsOrder(transport, server)
    case .carriesLargeMessages: try await Self.carriesLargeMessages(transport, server)
    case .saysHelloFirst: try await Self.saysHelloFirst(transport, server)
    case .knowsRoles: try await Self.knowsRoles(transport, server)
    case .forgetsClosedPeers: try await Self.forgetsClosedPeers(transport, server)
    case .answersFullAndLosesNothing: try await Self.answersFull(transport, server)
    case .slowsSendersDownAndLosesNothing: try await Self.slowsSendersDown(transport, server)
    case .reconnects: try await Self.reconnects(transport, server)
    case .endsWhenClosed: try await Self.endsWhenClosed(transport, server)
    }
    await server.stop()
  }

  private static func keepsOrder(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let count = 2000
    let client = try await ScriptedPeer.join(transport, "orderly", .client)
    for id in 1...count { try await client.send(.request(id: UInt64(id), .listWorkers)) }
    let received = await server.received(atLeast: count + 1).dropFirst()
    try require(
      received.map(\.message) == (1...count).map { .request(id: UInt64($0), .listWorkers) },
      "messages arrive in the order they were sent")

    let peer = received.first!.peer
    async let answers = client.messages(count)
    for id in 1...count { try await server.sendWhenThereIsRoom(.response(id: UInt64(id), .done), to: peer) }
    let expected = (1...count).map { Message.response(id: UInt64($0), .done) }
    try require(await answers == expected, "answers arrive in the order they were sent")
    client.close()
  }

  private static func carriesLargeMessages(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let worker = try await ScriptedPeer.join(transport, "carrier", .worker)
    let up = Message.tokens(chunk(0, text: String(repeating: "é", count: 2_000_000)))
    try await worker.send(up)
    let received = await server.received(atLeast: 2)
    try require(received.last?.message == up, "a message of almost 4 MiB reaches the coordinator")
    let down = Message.modelChunk(
      ModelChunk(
        model: ModelID("m"), name: "m", totalBytes: 1 << 20, offset: 0, bytes: Array(repeating: 7, count: 1 << 20)))
    try await server.sendWhenThereIsRoom(down, to: received.last!.peer)
    try require(await worker.messages(1) == [down], "a piece of a model reaches the worker")
    worker.close()
  }

  private static func saysHelloFirst(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let client = ScriptedPeer(try transport.connect("early", .client))
    try await client.send(.request(id: 1, .listModels))
    try await client.send(.hello(Hello(role: .client)))
    let received = await server.received(atLeast: 2).map(\.message)
    try require(
      received == [.hello(Hello(role: .client)), .request(id: 1, .listModels)],
      "nothing leaves on a connection before its hello", "\(received)")
    client.close()
  }

  private static func knowsRoles(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let client = try await ScriptedPeer.join(transport, "cunning", .client)
    try await client.send(.heartbeat(Heartbeat(leases: [])))
    guard case .refused(let error) = await client.messages(1).first else {
      throw ContractViolation("a message of another role is refused")
    }
    try require(error.code == .keyRefused, "a message of another role is refused for its key", "\(error)")
    try await client.send(.request(id: 1, .listModels))
    let received = await server.received(atLeast: 2)
    try require(
      received.map(\.message) == [.hello(Hello(role: .client)), .request(id: 1, .listModels)],
      "a message of another role is not delivered")
    try require(
      received.allSatisfy { $0.peer.name == "cunning" && $0.peer.role == .client },
      "a peer has the name and the role of its key")
    client.close()
  }

  private static func forgetsClosedPeers(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let stranger = Peer(name: "nobody", role: .client, connection: 0x1020304)
    try require(await server.send(.response(id: 1, .done), to: stranger) == .gone, "an unknown connection is gone")
    let client = try await ScriptedPeer.join(transport, "brief", .client)
    let peer = await server.received(atLeast: 1)[0].peer
    try require(await server.send(.response(id: 1, .done), to: peer) == .sent, "a connected peer is sent to")
    client.close()
    try await eventually("a closed connection becomes gone") {
      await server.send(.response(id: 2, .done), to: peer) == .gone
    }
  }

  private static func answersFull(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let client = try await ScriptedPeer.join(transport, "slow", .client)
    let peer = await server.received(atLeast: 1)[0].peer
    var sent = 0
    // 1 GiB is more than any queue and any socket buffer takes.
    while sent < 16_384, await server.send(numbered(sent), to: peer) == .sent { sent += 1 }
    try require(sent < 16_384, "a peer that does not read becomes full")
    let received = await client.messages(sent)
    try require(received == (0..<sent).map(numbered), "what was sent before a peer was full arrives, in order")
    try await eventually("a peer that read again has room") { await server.send(numbered(sent), to: peer) == .sent }
    client.close()
  }

  /// 64 KiB that say which one they are.
  private static func numbered(_ number: Int) -> Message {
    .response(id: UInt64(number), .tokens(chunk(number, text: String(repeating: "x", count: 65_536))))
  }

  private static func chunk(_ number: Int, text: String) -> TokenChunk {
    TokenChunk(job: JobID("job"), lease: LeaseID("lease"), firstIndex: number, tokenIDs: [], text: text)
  }

  private static func slowsSendersDown(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let count = 2000
    let client = ScriptedPeer(try transport.connect("eager", .worker))
    await client.waitForConnection()
    let progress = Progress()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await client.send(.hello(Hello(role: .worker)))
        for index in 0..<count {
          let text = String(repeating: "y", count: 65_536)
          try await client.send(.tokens(chunk(index, text: text)))
          progress.sentCount.add(1, ordering: .relaxed)
        }
      }
      // The coordinator does not take anything yet, so the sender has to stop.
      var last = -1
      while last != progress.sentCount.load(ordering: .relaxed) {
        last = progress.sentCount.load(ordering: .relaxed)
        try await Task.sleep(for: .milliseconds(200))
      }
      try require(last < count, "a sender waits for a coordinator that does not read")
      try await server.start()
      try await group.waitForAll()
    }
    let indices = await server.received(atLeast: count + 1).compactMap { entry -> Int? in
      if case .tokens(let chunk) = entry.message { chunk.firstIndex } else { nil }
    }
    try require(indices == Array(0..<count), "what waited arrives, in order")
    client.close()
  }

  private static func reconnects(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let client = try await ScriptedPeer.join(transport, "faithful", .client)
    let before = await server.received(atLeast: 1)[0].peer
    let replacement = RecordingServer(try await transport.replaceServer())
    try await replacement.start()
    try require(await client.waitForDisconnection(), "a lost connection is reported")
    await client.waitForConnection()
    try await client.send(.hello(Hello(role: .client)))
    try await client.send(.request(id: 1, .historyStats))
    let received = await replacement.received(atLeast: 2)
    try require(
      received.map(\.message) == [.hello(Hello(role: .client)), .request(id: 1, .historyStats)],
      "after a reconnect messages arrive again, the hello first")
    try require(received[0].peer.name == before.name, "a peer keeps its name over a reconnect")
    let stale = Peer(name: before.name, role: before.role, connection: 0x9090909)
    try require(await replacement.send(.response(id: 1, .done), to: stale) == .gone, "a stale connection is gone")
    client.close()
    await replacement.stop()
  }

  private static func endsWhenClosed(_ transport: TransportUnderTest, _ server: RecordingServer) async throws {
    let client = try await ScriptedPeer.join(transport, "ending", .client)
    try await client.send(.request(id: 1, .listModels))
    client.close()
    try require(await server.received(atLeast: 2).count == 2, "what was sent before closing arrives")
    try require(await client.nextEvent() == nil, "a closed endpoint has no more events")
    do {
      try await client.send(.request(id: 2, .listModels))
      throw ContractViolation("sending on a closed endpoint fails")
    } catch is ApusError {}
  }
}

/// How far a sender in another task has come.
private final class Progress: Sendable {
  let sentCount = Atomic<Int>(0)
}

/// Looks until a condition holds, for at most five minutes: a busy machine takes its time.
private func eventually(_ rule: String, _ condition: () async throws -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(300)
  while ContinuousClock.now < deadline {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
  throw ContractViolation(rule, "not within five minutes")
}
