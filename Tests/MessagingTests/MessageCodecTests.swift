import Messaging
import Serving
import Testing

@Suite("Message codec")
struct MessageCodecTests {
  private let codec = MessageCodec()

  /// The property every message has: what is decoded is what was encoded. Every kind, many contents, one seed.
  @Test func decodesWhatItEncodes() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = RandomMessages(seed: seed)
    for round in 0..<60 {
      for kind in 0..<RandomMessages.kindCount {
        let message = random.message(kind: kind)
        let decoded = try codec.decode(codec.encode(message))
        try #require(decoded == message, "seed \(seed), round \(round), kind \(kind)")
      }
    }
  }

  /// Hostile bytes: every kind of message, cut off or with bytes changed, added and taken away. Each is a message or an
  /// error; a crash would end the test.
  @Test func survivesMutatedBytes() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = RandomMessages(seed: seed)
    var (decoded, refused) = (0, 0)
    for index in 0..<20_000 {
      var bytes = try codec.encode(random.message(kind: index % RandomMessages.kindCount))
      mutate(&bytes, using: &random.generator)
      do {
        let message = try codec.decode(bytes)
        // What was let through is sound: it can be encoded again. Only a size limit may stand against that.
        do { _ = try codec.encode(message) } catch { #expect(error == .tooLarge, "seed \(seed), index \(index)") }
        decoded += 1
      } catch {
        refused += 1
      }
    }
    #expect(decoded > 1000 && refused > 1000, "mutations spare some messages and break others: \(decoded), \(refused)")
  }

  private func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
    if Int.random(in: 0..<4, using: &generator) == 0 {
      bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
    }
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
      let place = bytes.indices.randomElement(using: &generator)!
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
      default: bytes.remove(at: place)
      }
    }
  }

  /// Each limit of the schema refuses by name, on the way out as on the way in.
  @Test(arguments: [
    (Message.welcome(Welcome(peer: "p", heartbeatMS: -1)), "Welcome.heartbeat_ms"),
    (.welcome(Welcome(peer: "p", heartbeatMS: 1 << 53 + 1)), "Welcome.heartbeat_ms"),
    (
      .response(id: 1, .trained(TrainingSummary(rowCount: 0, seconds: .nan, wasPromoted: false, reason: ""))),
      "TrainingSummary.seconds"
    ),
    (
      .response(id: 1, .trained(TrainingSummary(rowCount: 0, seconds: .infinity, wasPromoted: false, reason: ""))),
      "TrainingSummary.seconds"
    ),
    (
      .modelChunk(
        ModelChunk(
          model: ModelID("m"), name: "", totalBytes: 0, offset: 0, bytes: Array(repeating: 0, count: 1 << 20 + 1))),
      "ModelChunk.data"
    ),
    (
      .request(
        id: 1,
        .recommend(
          RecommendQuery(
            model: ModelID("m"), workload: .chat, objective: .e2e,
            limits: Limits(slos: [SLO(metric: .e2e, percentile: 98, limitMS: 1)])))), "SLO.percentile"
    ),
  ])
  func namesWhatItRefuses(message: Message, field: String) {
    do {
      _ = try codec.encode(message)
      Issue.record("\(field) was encoded")
    } catch {
      guard case .invalid(field, _) = error else {
        Issue.record("\(error) does not name \(field)")
        return
      }
    }
  }

  @Test func refusesMoreThanFourMebibytes() {
    let text = String(repeating: "x", count: 4 << 20)
    let message = Message.tokens(
      TokenChunk(job: JobID("j"), lease: LeaseID("l"), firstIndex: 0, tokenIDs: [], text: text))
    #expect(throws: CodecError.tooLarge) { try codec.encode(message) }
    #expect(throws: CodecError.tooLarge) { try codec.decode([UInt8](repeating: 0, count: 4 << 20 + 1)) }
  }

  /// Two bytes on the wire become a struct of a hundred: two million of them must not become two hundred megabytes.
  @Test func refusesWhatUnfoldsIntoMuchMore() {
    // Envelope.response (field 13) with jobs (field 5) that hold nothing but empty jobs (field 1).
    var jobs: [UInt8] = []
    for _ in 0..<1_000_000 { jobs += [0x0A, 0x00] }
    let list = field(5, jobs)
    #expect(throws: CodecError.malformed) { try codec.decode(field(13, list)) }
    // The codec is as good as before.
    #expect(throws: Never.self) { try codec.decode(codec.encode(.revoke(LeaseID("l")))) }
  }

  /// A message kind of a later version: an error that says so, with the number.
  @Test func namesAnUnknownKind() {
    #expect(throws: CodecError.unknownKind(900)) { try codec.decode(field(900, [1, 2, 3])) }
    #expect(throws: CodecError.unknownKind(0)) { try codec.decode([]) }
    #expect(CodecError.unknownKind(900).failure.description.contains("same version"))
  }

  /// A hello of another version is read as far as its version, whatever else it has: here a later one whose role is
  /// new, and one whose third field has another type, which this version could not read at all.
  @Test func readsAHelloOfAnyVersion() throws {
    let newRole: [UInt8] = [0x08, 9, 0x10, 77]
    #expect(try codec.decode(field(1, newRole)) == .hello(Hello(version: 9, role: .client)))
    let otherType: [UInt8] = [0x08, 9, 0x10, 1, 0x18, 5]
    #expect(try codec.decode(field(1, otherType)) == .hello(Hello(version: 9, role: .worker)))
    // Of our own version nothing wrong is let through.
    #expect(throws: CodecError.invalid(field: "Hello.role", problem: "has the unknown value 77")) {
      try codec.decode(field(1, [0x08, UInt8(protocolVersion), 0x10, 77]))
    }
    var foreign = Hello(role: .worker)
    foreign.version = 0
    #expect(try codec.decode(codec.encode(.hello(foreign))) == .hello(foreign))
  }

  /// Text that is not UTF-8, an enum nobody knows, a name given twice.
  @Test func refusesBadContents() {
    #expect(throws: CodecError.invalid(field: "Envelope.revoke", problem: "is not UTF-8")) {
      try codec.decode(field(10, [0xFF, 0xFE]))
    }
    let failure: [UInt8] = [0x08, 3]
    #expect(throws: CodecError.invalid(field: "Failure.code", problem: "has the unknown value 3")) {
      try codec.decode(field(3, failure))
    }
    // Response.history_stats (field 12) with two outcomes (field 5) of the same name "a".
    let outcome = field(5, field(1, [0x61]))
    #expect(throws: CodecError.invalid(field: "HistoryStats.outcomes", problem: "names a twice")) {
      try codec.decode(field(13, field(12, outcome + outcome)))
    }
  }

  /// A length-delimited protobuf field.
  private func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(content.count) + content
  }

  private func varint(_ value: Int) -> [UInt8] {
    var (bytes, rest): ([UInt8], Int) = ([], value)
    while rest > 127 {
      bytes.append(UInt8(rest & 127 | 128))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}
