import ExpertExecution
import Messaging
import ZeroMQ

/// A host that says of its model and of every batch what it is told to, over a real socket with CURVE.
final class ScriptedHost: Sendable {
  /// What it answers a batch with: a header, and so many bytes of sums.
  typealias Answer = @Sendable (ExpertBatchHeader) -> (header: ExpertSumsHeader, byteCount: Int)

  let address: ExpertHostAddress
  private let session: LoopConfined<Session>

  init(name: String, facts: ExpertFacts, answer: @escaping Answer) throws {
    let loop = PollLoop(name: "scripted-host")
    let keys = CurveKeyPair.generate()
    let session = try Session(keys, loop, facts, answer)
    address = ExpertHostAddress(name: name, address: session.address, publicKey: keys.publicKey)
    self.session = LoopConfined(session, on: loop)
    self.session.perform { $0.start() }
  }

  private final class Session {
    let address: String
    private let router: Socket
    private let loop: PollLoop
    private let facts: ExpertFacts
    private let answer: Answer
    private let codec = ExpertCodec()
    private var registration: PollLoop.Registration?
    private var frame = Frame()

    init(_ keys: CurveKeyPair, _ loop: PollLoop, _ facts: ExpertFacts, _ answer: @escaping Answer) throws {
      router = try Socket(
        .router, in: Context(), options: [.curveServer(secretKey: keys.secretKey), .linger(milliseconds: 0)])
      try router.bind("tcp://127.0.0.1:*")
      address = router.boundAddress
      self.loop = loop
      self.facts = facts
      self.answer = answer
    }

    func start() {
      registration = loop.add(router, for: .input) { [unowned self] _ in
        while (try? self.router.receive(into: &self.frame)) == true { self.answerOne() }
      }
    }

    private func answerOne() {
      let peer = frame.bytes()
      guard frame.hasMore, (try? router.receive(into: &frame)) == true else { return }
      let message = frame.withBytes { try? codec.decode($0) }
      _ = try? router.discardRest(after: &frame)
      switch message {
      case .hello: send(.facts(facts), to: peer)
      case .load(let change), .drop(let change):
        send(.loaded(ExpertLoaded(id: change.id, movedBytes: 0, loadedBytes: 0, seconds: 0)), to: peer)
      case .batch(let part) where part.rows.upperBound == part.rowCount:
        let answer = answer(part)
        send(.sums(answer.header), [UInt8](repeating: 0, count: answer.byteCount), to: peer)
      default: break
      }
    }

    private func send(_ message: ExpertMessage, _ sums: [UInt8]? = nil, to peer: [UInt8]) {
      guard let header = try? codec.encode(message) else { return }
      let frames = [peer, header] + (sums.map { [$0] } ?? [])
      for (place, bytes) in frames.enumerated() {
        var frame = Frame(copying: bytes)
        _ = try? router.send(&frame, more: place < frames.count - 1)
      }
    }

    deinit {
      if let registration { loop.remove(registration) }
    }
  }
}
