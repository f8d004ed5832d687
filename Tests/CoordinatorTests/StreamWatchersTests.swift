import Messaging
import Serving
import Testing

@testable import Coordinator

/// Clients that read slowly, go away, or come late.
@Suite struct StreamWatchersTests {
  private let fast = Asker(peer: Peer(name: "fast", role: .client, connection: 1), request: 1)
  private let slow = Asker(peer: Peer(name: "slow", role: .client, connection: 2), request: 7)

  private func chunk(_ first: Int, _ count: Int = 1) -> TokenChunk {
    TokenChunk(
      job: "job", lease: "lease", firstIndex: first, tokenIDs: (first..<first + count).map(Int32.init),
      text: String(repeating: "x", count: count),
      logprobs: (first..<first + count).map { TokenLogprob(.init(bytes: [UInt8($0)], logprob: -1)) })
  }

  @Test("A slow client is left out while its connection is full, then gets what it missed in one piece")
  func slowClient() {
    var watchers = StreamWatchers()
    #expect(watchers.add(fast, to: "job") == nil)
    #expect(watchers.add(slow, to: "job") == nil)
    var isFull = false
    var received: [String: [Int32]] = [:]
    var said: [String: [UInt8]] = [:]
    func send(_ asker: Asker, _ response: ClientResponse) -> SendResult {
      if isFull, asker == slow { return .full }
      if case .tokens(let chunk) = response {
        received[asker.peer.name, default: []] += chunk.tokenIDs
        said[asker.peer.name, default: []] += chunk.logprobs.flatMap(\.token.bytes)
      }
      return .sent
    }
    watchers.relay(chunk(0), send)
    isFull = true
    watchers.relay(chunk(1), send)
    watchers.relay(chunk(2, 2), send)
    #expect(received == ["fast": [0, 1, 2, 3], "slow": [0]])
    #expect(watchers.lateJobs == ["job"])
    let all = chunk(0, 4)
    let shown = { (place: StreamPlace) -> GeneratedTokens? in
      guard place.tokens < 4 else { return nil }
      return GeneratedTokens(
        Array(all.tokenIDs[place.tokens...]), String(all.text.dropFirst(place.textBytes)),
        logprobs: Array(all.logprobs[place.logprobs...]))
    }
    watchers.catchUp("job", shown: shown, send: send)
    #expect(watchers.lateJobs == ["job"], "still full")
    isFull = false
    watchers.catchUp("job", shown: shown, send: send)
    #expect(received["slow"] == [0, 1, 2, 3])
    #expect(watchers.lateJobs.isEmpty)
    watchers.relay(chunk(4), send)
    #expect(received == ["fast": [0, 1, 2, 3, 4], "slow": [0, 1, 2, 3, 4]])
    #expect(said == ["fast": [0, 1, 2, 3, 4], "slow": [0, 1, 2, 3, 4]])
    #expect(watchers.remove("job") == [fast, slow])
  }

  @Test("A client that is gone is forgotten")
  func gone() {
    var watchers = StreamWatchers()
    #expect(watchers.add(slow, to: "job") == nil)
    watchers.relay(chunk(0)) { _, _ in .gone }
    #expect(watchers.add(fast, to: "job") == nil)
    let shown = { (_: StreamPlace) in GeneratedTokens([0], "x") }
    let isLeft = watchers.catchUp("job", shown: shown) { asker, _ in asker == slow ? .gone : .sent }
    #expect(!isLeft && watchers.askers(of: "job") == [fast])
    let isLeftNow = watchers.catchUp("job", shown: shown) { _, _ in .gone }
    #expect(isLeftNow && watchers.remove("job").isEmpty)
    let wasNeverWatched = watchers.catchUp("job", shown: shown) { _, _ in .gone }
    #expect(!wasNeverWatched)
  }

  @Test("A connection that follows a job again and again loses its oldest request, another's stay")
  func tooMany() {
    var watchers = StreamWatchers()
    #expect(watchers.add(fast, to: "job") == nil)
    let slowOnes = (0..<UInt64(StreamWatchers.mostOfAPeer + 2)).map { Asker(peer: slow.peer, request: $0) }
    let displaced = slowOnes.map { watchers.add($0, to: "job") }
    #expect(displaced.compactMap(\.self) == Array(slowOnes.prefix(2)))
    #expect(watchers.remove("job") == [fast] + slowOnes.dropFirst(2))
  }
}

@Suite struct OutboxTests {
  private func peer(_ number: UInt32) -> Peer { Peer(name: "peer", role: .client, connection: number) }
  private func message(_ number: UInt64) -> Message { .response(id: number, .done) }

  @Test("Messages leave in order, as far as each connection takes them; the limit is each connection's own")
  func order() {
    var outbox = Outbox(limit: 2)
    let kept = [outbox.keep(message(1), for: peer(1)), outbox.keep(message(2), for: peer(1))]
    #expect(kept == [true, true])
    let beyond = outbox.keep(message(3), for: peer(1))
    #expect(!beyond)
    let other = outbox.keep(message(4), for: peer(2))
    #expect(other)
    var sent: [Message] = []
    outbox.flush { message, peer in
      if peer.connection == 1, sent.count(where: { $0 == self.message(1) }) > 0 { return .full }
      sent.append(message)
      return .sent
    }
    #expect(Set(sent) == [message(1), message(4)])
    #expect(outbox.holds(peer(1)) && !outbox.holds(peer(2)))
    outbox.flush { _, _ in .gone }
    #expect(outbox.isEmpty)
  }
}

@Suite struct RouteChoicesTests {
  private func ranked(_ worker: WorkerName, _ knobs: [KnobName: KnobValue], refused: String? = nil) -> RankedCandidate {
    var candidate = Fixture.candidate(knobs)
    candidate.refusedReason = refused
    return RankedCandidate(candidate: candidate, worker: worker)
  }

  private var candidates: [RankedCandidate] {
    [
      ranked("b", [.slotCount: .int(8)]), ranked("b", [.slotCount: .int(4)]), ranked("a", [.slotCount: .int(8)]),
      ranked("b", [.slotCount: .int(2)]), ranked("b", [:]), ranked("a", [:]),
      ranked("a", [.speculation: .text("n-gram")], refused: "no"),
    ]
  }

  private func labels(_ decision: Recommendation.Decision) -> [String] {
    RouteChoices.make(from: Recommendation(decision: decision, candidates: candidates)).map {
      "\($0.worker) \($0.candidate.configuration.label)"
    }
  }

  @Test("A recommendation is followed in its order, two for each worker, with the defaults to fall back on")
  func use() {
    #expect(
      labels(.use) == [
        "b llamacpp slot_count=8", "b llamacpp slot_count=4", "a llamacpp slot_count=8", "a llamacpp default",
        "b llamacpp default",
      ])
  }

  @Test("Where log-probabilities are wanted, nothing that drafts tokens is tried")
  func withoutDrafts() {
    let drafting = ranked("a", [.speculation: .text("n-gram"), .draftTokens: .int(4)])
    let recommendation = Recommendation(decision: .use, candidates: [drafting, ranked("a", [:])])
    func labels(mayDraft: Bool) -> [String] {
      RouteChoices.make(from: recommendation, mayDraft: mayDraft).map(\.candidate.configuration.label)
    }
    #expect(labels(mayDraft: true) == [drafting.candidate.configuration.label, "llamacpp default"])
    #expect(labels(mayDraft: false) == ["llamacpp default"])
  }

  @Test(
    "Without knowledge, or without a gain, the defaults run",
    arguments: [Recommendation.Decision.measureFirst, .default])
  func defaults(decision: Recommendation.Decision) {
    #expect(labels(decision) == ["b llamacpp default", "a llamacpp default"])
  }
}
