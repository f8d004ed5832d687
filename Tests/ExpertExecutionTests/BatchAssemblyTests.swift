import Messaging
import Serving
import TestKit
import Testing
import ZeroMQ

@testable import ExpertExecution

/// What a hub says of a batch is compared with the model before anything of it is used.
@Suite("Batch assembly", .timeLimit(.minutes(10)))
struct BatchAssemblyTests {
  private let folder = TemporaryFolder()
  private let model: MoEModelFile

  init() throws { model = try MoEModelFile(path: folder.write(MoEModel().bytes())) }

  private static func header(
    layer: Int = 0, cut: Range<Int> = 0..<96, rowCount: Int = 4, rows: Range<Int> = 0..<2, pairs: Int = 3
  ) -> ExpertBatchHeader {
    ExpertBatchHeader(id: 1, layer: layer, cut: cut, rowCount: rowCount, rows: rows, pairCount: pairs)
  }

  private func assembly(_ header: ExpertBatchHeader) throws(ApusError) -> BatchAssembly {
    try BatchAssembly(header, model: model, rowLimit: 1000, at: .now)
  }

  private static func bytes<Number: BitwiseCopyable>(_ numbers: [Number]) -> [UInt8] {
    numbers.withUnsafeBytes { Array($0) }
  }

  private func take(_ assembly: inout BatchAssembly, _ frames: [[UInt8]], _ header: ExpertBatchHeader) throws {
    #expect(try assembly.frameSizes(header) == frames.map(\.count))
    for (index, frame) in frames.enumerated() {
      try frame.withUnsafeBytes { try assembly.take($0, frame: index, of: header) }
    }
  }

  @Test func putsPartsTogether() throws {
    let rows = [UInt16](repeating: 7, count: 128)
    var assembly = try assembly(Self.header())
    try take(
      &assembly,
      [Self.bytes(rows), Self.bytes([Int32(0), 0, 1]), Self.bytes([UInt16(1), 5, 7]), Self.bytes([Float(1), 2, 3])],
      Self.header())
    #expect(!assembly.isComplete)
    let rest = Self.header(rows: 2..<4, pairs: 1)
    try take(
      &assembly, [Self.bytes(rows), Self.bytes([Int32(1)]), Self.bytes([UInt16(0)]), Self.bytes([Float(4)])], rest)
    #expect(assembly.isComplete)
    #expect(assembly.work.rowCount == 4)
    #expect(assembly.work.pairRows == [0, 0, 1, 3])
    #expect(assembly.work.pairExperts == [1, 5, 7, 0])
    #expect(assembly.work.pairGates == [1, 2, 3, 4])
  }

  @Test(arguments: [header(layer: 2), header(cut: 0..<97), header(rowCount: 0, rows: 0..<0), header(rowCount: 1001)])
  func refusesBatchesOfAnotherModel(header: ExpertBatchHeader) {
    #expect(throws: ApusError.self) { try assembly(header) }
  }

  @Test(arguments: [
    header(rows: 1..<2), header(rows: 0..<0), header(pairs: 17), header(layer: 1), header(cut: 0..<95),
    header(rowCount: 5),
  ])
  func refusesPartsThatAreNotTheNext(part: ExpertBatchHeader) throws {
    let assembly = try assembly(Self.header())
    #expect(throws: ApusError.self) { try assembly.frameSizes(part) }
  }

  @Test func refusesPairsThatCannotBe() throws {
    let header = Self.header(pairs: 1)
    let wrong: [(Int, [UInt8])] = [
      (1, Self.bytes([Int32(2)])), (1, Self.bytes([Int32(-1)])), (2, Self.bytes([UInt16(8)])),
      (3, Self.bytes([Float.nan])), (3, Self.bytes([Float.infinity])),
    ]
    for (frame, bytes) in wrong {
      var assembly = try assembly(header)
      #expect(throws: ApusError.self) { try bytes.withUnsafeBytes { try assembly.take($0, frame: frame, of: header) } }
    }
  }

  /// Frames that are none, too few and too many: each is answered, and the next good batch is computed.
  @Test func hostGoesOnAfterNonsense() async throws {
    let (own, hub) = (CurveKeyPair.generate(), CurveKeyPair.generate())
    let host = try ExpertHost(
      model: model, options: ExpertHostOptions(keys: own, hubKeys: [hub.publicKey], computing: .passing))
    let codec = ExpertCodec()
    let good = try codec.encode(.batch(Self.header(rowCount: 2, pairs: 1)))
    let rows = Self.bytes([UInt16](repeating: 7, count: 128))
    let pairs = [Self.bytes([Int32(0)]), Self.bytes([UInt16(0)]), Self.bytes([Float(1)])]
    let messages: [[[UInt8]]] = [
      [[1, 2, 3]], [good], [good, rows], [good, [], pairs[0], pairs[1], pairs[2]],
      [good, rows, pairs[0], pairs[1], pairs[2], [0]], [try codec.encode(.hello(version: 999))],
      [try codec.encode(.load(ExpertChange(id: 9, layer: 7, experts: [0], cut: 0..<1)))],
      [good, rows, pairs[0], pairs[1], pairs[2]],
    ]
    let answers = try await Peer.exchange(messages, address: host.address, serverKey: own.publicKey, keys: hub)
    #expect(answers.count == messages.count)
    for (index, answer) in answers.dropLast().enumerated() {
      guard case .refusal = answer else {
        Issue.record("message \(index) was answered with \(answer)")
        continue
      }
    }
    guard case .sums(let header) = answers.last else {
      Issue.record("the good batch was answered with \(String(describing: answers.last))")
      return
    }
    #expect(header.rows == 0..<2)
  }
}

/// A plain socket that says what no hub says.
private enum Peer {
  private final class Line {
    let socket: Socket
    private var registration: PollLoop.Registration?
    private var answers: [ExpertMessage] = []
    private let codec = ExpertCodec()

    init(_ address: String, _ serverKey: String, _ keys: CurveKeyPair) throws {
      socket = try Socket(
        .dealer, in: Context(), options: [.curveClient(serverKey: serverKey, keys: keys), .linger(milliseconds: 0)])
      try socket.connect(address)
    }

    func run(_ messages: [[[UInt8]]], _ loop: PollLoop, _ ending: @escaping ([ExpertMessage]) -> Void) {
      registration = loop.add(socket, for: .input) { [unowned self] _ in
        var frame = Frame()
        while (try? self.socket.receive(into: &frame)) == true {
          if let answer = frame.withBytes({ try? self.codec.decode($0) }) { self.answers.append(answer) }
          _ = try? self.socket.discardRest(after: &frame)
        }
        guard self.answers.count == messages.count, let registration = self.registration else { return }
        loop.remove(registration)
        self.registration = nil
        ending(self.answers)
      }
      for message in messages {
        for (index, bytes) in message.enumerated() {
          var frame = Frame(copying: bytes)
          _ = try? socket.send(&frame, more: index < message.count - 1)
        }
      }
    }
  }

  static func exchange(
    _ messages: [[[UInt8]]], address: String, serverKey: String, keys: CurveKeyPair
  ) async throws -> [ExpertMessage] {
    let loop = PollLoop(name: "peer")
    let line = LoopConfined(try Line(address, serverKey, keys), on: loop)
    return await withCheckedContinuation { continuation in
      line.perform { $0.run(messages, loop) { continuation.resume(returning: $0) } }
    }
  }
}
