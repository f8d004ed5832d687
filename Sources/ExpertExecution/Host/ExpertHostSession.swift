import ExpertPlacement
import Messaging
import Serving
import ZeroMQ

/// The sockets of a host of experts and what is done with what comes in. Lives on the host's loop.
final class ExpertHostSession {
  /// Closed together, the sockets before their context.
  private final class Sockets {
    let authenticator: Authenticator
    let router: Socket

    init(_ options: ExpertHostOptions) throws(ZeroMQError) {
      let context = Context()
      let admitted = options.hubKeys
      authenticator = try Authenticator(in: context, admits: { admitted.contains($0) }, onRefusal: {})
      router = try Socket(
        .router, in: context,
        options: [
          .curveServer(secretKey: options.keys.secretKey), .authentication(domain: "apus-experts"),
          .mandatoryRouting, .linger(milliseconds: 1_000), .sendQueueLimit(16_384), .receiveQueueLimit(1_024),
          .largestMessage(bytes: Int64(ExpertCodec.maximumMessageBytes) + 64),
          .heartbeat(intervalMS: 5_000, timeoutMS: 15_000), .handshakeTimeout(milliseconds: 5_000),
        ])
      try router.bind(options.address)
    }
  }

  private struct BatchName: Hashable {
    var peer: [UInt8]
    var id: UInt64
  }

  /// Loads that may wait: a plan of every layer of a large model asks for hundreds.
  private static let loadLimit = 4_096
  private static let drainBudget = 64

  private let model: MoEModelFile
  private let options: ExpertHostOptions
  private let loop: PollLoop
  private let loading = PollLoop(name: "apus-weights")
  private let bench: LoopConfined<ExpertBench>
  private let codec = ExpertCodec()
  private var sockets: Sockets?
  private var registrations: [PollLoop.Registration] = []
  /// How other threads come back here.
  private weak var confined: LoopConfined<ExpertHostSession>?
  private var assemblies: [BatchName: BatchAssembly] = [:]
  /// Bytes of rows in assemblies and in work that is not done.
  private var pendingBytes = 0
  private var pendingLoads = 0
  private var loadedBytes = 0
  private var frame = Frame()

  init(model: MoEModelFile, options: ExpertHostOptions, loop: PollLoop) throws(ZeroMQError) {
    self.model = model
    self.options = options
    self.loop = loop
    let emulated = options.emulated.map { EmulatedSpeed(speed: $0, geometry: model.geometry) }
    bench = LoopConfined(
      ExpertBench(emulated: emulated, computing: options.computing), on: PollLoop(name: "apus-experts"))
    sockets = try Sockets(options)
  }

  var address: String { sockets?.router.boundAddress ?? "" }

  func start(as confined: LoopConfined<ExpertHostSession>?) {
    guard let sockets else { return }
    self.confined = confined
    registrations = [
      loop.add(sockets.authenticator.socket, for: .input) { [unowned self] _ in
        self.sockets?.authenticator.answerAll()
      },
      loop.add(sockets.router, for: .input) { [unowned self] _ in self.drain() },
    ]
  }

  func stop() {
    for registration in registrations { loop.remove(registration) }
    registrations = []
    sockets = nil
  }

  deinit { stop() }

  // MARK: Receiving

  private func drain() {
    for _ in 0..<Self.drainBudget {
      guard let sockets else { return }
      do {
        guard try sockets.router.receive(into: &frame) else { return }
        let peer = frame.bytes()
        guard frame.hasMore, try sockets.router.receive(into: &frame) else { continue }
        let header = frame.withBytes { bytes in Result { () throws(CodecError) in try codec.decode(bytes) } }
        let hasFrames = frame.hasMore
        switch header {
        case .success(.batch(let header)): try takePart(header, from: peer, sockets)
        case .success(let message) where !hasFrames: handle(message, from: peer)
        case .success: refuse(0, Self.malformed, to: peer)
        case .failure(let error): refuse(0, error.failure, to: peer)
        }
        _ = try sockets.router.discardRest(after: &frame)
      } catch {
        preconditionFailure("the host's socket failed: \(error)")
      }
    }
  }

  private static let malformed = ApusError(
    .badInput, "a message of experts has other frames than its header says", advice: "run the same version on both ends"
  )

  private func handle(_ message: ExpertMessage, from peer: [UInt8]) {
    switch message {
    case .hello(let version):
      guard version == protocolVersion else {
        return refuse(
          0,
          ApusError(
            .badInput, "the hub speaks version \(version), this host \(protocolVersion)",
            advice: "run the same version of Apus on both ends"), to: peer)
      }
      send(
        .facts(
          ExpertFacts(
            layerCount: model.layerCount, expertCount: model.expertCount, hiddenSize: model.hiddenSize,
            intermediateSize: model.intermediateSize, loadedBytes: loadedBytes)), to: peer)
    case .load(let change): load(change, for: peer)
    case .drop(let change):
      guard let keys = keys(change) else { return refuse(change.id, Self.unknown(change), to: peer) }
      bench.perform { [weak confined] bench in
        for key in keys { bench.shelf.drop(key) }
        let answer = ExpertLoaded(id: change.id, movedBytes: 0, loadedBytes: bench.shelf.byteCount, seconds: 0)
        confined?.perform { $0.answer(answer, to: peer) }
      }
    case .facts, .loaded, .batch, .sums, .refusal: refuse(0, Self.malformed, to: peer)
    }
  }

  /// Nil for what the model does not have.
  private func keys(_ change: ExpertChange) -> [ExpertKey]? {
    guard model.blocks.indices.contains(change.layer), change.cut.upperBound <= model.intermediateSize,
      change.experts.allSatisfy({ (0..<model.expertCount).contains($0) }), change.experts.count <= model.expertCount
    else { return nil }
    return change.experts.map { ExpertKey(layer: change.layer, expert: $0, cut: change.cut) }
  }

  private static func unknown(_ change: ExpertChange) -> ApusError {
    ApusError(
      .badInput, "layer \(change.layer) of this host's model has not all of those experts",
      advice: "give hub and hosts the same model file")
  }

  // MARK: Weights

  private func load(_ change: ExpertChange, for peer: [UInt8]) {
    guard let keys = keys(change) else { return refuse(change.id, Self.unknown(change), to: peer) }
    guard pendingLoads < Self.loadLimit else {
      return refuse(change.id, ApusError(.tryAgain, "\(pendingLoads) loads wait on this host already"), to: peer)
    }
    pendingLoads += 1
    let start = ContinuousClock.now
    bench.perform { [weak confined, bench, loading, model] onBench in
      let missing = keys.filter { !onBench.shelf.has($0) }
      loading.execute { [weak confined] in
        let read = Self.read(missing, model)
        bench.perform { [weak confined] onBench in
          let answer = read.map { weights in
            for (key, weights) in zip(missing, weights) { onBench.shelf.put(weights, for: key) }
            return ExpertLoaded(
              id: change.id, movedBytes: weights.reduce(0) { $0 + $1.byteCount },
              loadedBytes: onBench.shelf.byteCount, seconds: (ContinuousClock.now - start).seconds)
          }
          confined?.perform { $0.answer(answer, id: change.id, to: peer) }
        }
      }
    }
  }

  private static func read(_ keys: [ExpertKey], _ model: MoEModelFile) -> Result<[ExpertWeights], ApusError> {
    Result { () throws(ApusError) in
      var weights: [ExpertWeights] = []
      for key in keys { weights.append(try model.expert(key)) }
      return weights
    }
  }

  private func answer(_ loaded: Result<ExpertLoaded, ApusError>, id: UInt64, to peer: [UInt8]) {
    pendingLoads -= 1
    switch loaded {
    case .success(let loaded): answer(loaded, to: peer)
    case .failure(let error): refuse(id, error, to: peer)
    }
  }

  private func answer(_ loaded: ExpertLoaded, to peer: [UInt8]) {
    loadedBytes = loaded.loadedBytes
    send(.loaded(loaded), to: peer)
  }

  // MARK: Batches

  private func takePart(
    _ header: ExpertBatchHeader, from peer: [UInt8], _ sockets: Sockets
  ) throws(ZeroMQError) {
    let name = BatchName(peer: peer, id: header.id)
    // The rest of a batch that was refused.
    guard header.rows.lowerBound == 0 || assemblies[name] != nil else { return }
    let outcome: Result<Void, ApusError>
    do throws(ApusError) {
      if header.rows.lowerBound == 0 { try begin(header, name) }
      outcome = try receiveFrames(of: header, name, sockets)
    } catch {
      outcome = .failure(error)
    }
    switch outcome {
    case .success: computeIfComplete(name)
    case .failure(let error):
      forget(name)
      refuse(header.id, error, to: peer)
    }
  }

  private func begin(_ header: ExpertBatchHeader, _ name: BatchName) throws(ApusError) {
    let now = ContinuousClock.now
    for (old, assembly) in assemblies where now - assembly.startedAt > options.partsTimeout { forget(old) }
    guard assemblies[name] == nil else { throw ApusError(.badInput, "batch \(header.id) began twice") }
    let assembly = try BatchAssembly(header, model: model, rowLimit: options.rowLimit, at: now)
    guard pendingBytes + assembly.byteCount <= options.pendingLimit else {
      throw ApusError(
        .tryAgain, "\(pendingBytes >> 20) MiB of rows wait on this host already", advice: "send less at a time")
    }
    pendingBytes += assembly.byteCount
    assemblies[name] = assembly
  }

  private func receiveFrames(
    of header: ExpertBatchHeader, _ name: BatchName, _ sockets: Sockets
  ) throws(ApusError) -> Result<Void, ApusError> {
    guard let sizes = try assemblies[name]?.frameSizes(header) else { return .failure(Self.malformed) }
    for (index, size) in sizes.enumerated() {
      do throws(ZeroMQError) {
        guard frame.hasMore, try sockets.router.receive(into: &frame), frame.count == size else {
          return .failure(Self.malformed)
        }
      } catch {
        preconditionFailure("the host's socket failed: \(error)")
      }
      try frame.withBytes { bytes throws(ApusError) in
        try assemblies[name]?.take(bytes, frame: index, of: header)
      }
    }
    return frame.hasMore ? .failure(Self.malformed) : .success(())
  }

  private func forget(_ name: BatchName) {
    if let assembly = assemblies.removeValue(forKey: name) { pendingBytes -= assembly.byteCount }
  }

  private func computeIfComplete(_ name: BatchName) {
    guard assemblies[name]?.isComplete == true, let assembly = assemblies.removeValue(forKey: name) else { return }
    let (work, bytes, queuedAt) = (assembly.work, assembly.byteCount, ContinuousClock.now)
    bench.perform { [weak confined] bench in
      let result = Result { () throws(ApusError) in try bench.run(work, queuedAt: queuedAt) }
      confined?.perform { $0.answer(result, name, bytes) }
    }
  }

  private func answer(_ result: Result<ExpertBench.Result, ApusError>, _ name: BatchName, _ bytes: Int) {
    pendingBytes -= bytes
    switch result {
    case .failure(let error): refuse(name.id, error, to: name.peer)
    case .success(let done):
      let hidden = model.hiddenSize
      for rows in MessageParts.ranges(rowCount: done.sums.count / hidden, rowBytes: hidden * 2) {
        let header = ExpertSumsHeader(
          id: name.id, rows: rows, queuedSeconds: done.queuedSeconds, computedSeconds: done.computedSeconds,
          processorSeconds: done.processorSeconds)
        var body = Frame(count: rows.count * hidden * 2) { target in
          done.sums.withUnsafeBytes {
            target.copyMemory(
              from: UnsafeRawBufferPointer(rebasing: $0[rows.lowerBound * hidden * 2..<rows.upperBound * hidden * 2]))
          }
        }
        guard send(.sums(header), to: name.peer, followedBy: &body) else { return }
      }
    }
  }

  // MARK: Sending

  private func refuse(_ id: UInt64, _ error: ApusError, to peer: [UInt8]) { send(.refusal(id: id, error), to: peer) }

  private func send(_ message: ExpertMessage, to peer: [UInt8]) {
    var none = Frame()
    _ = send(message, to: peer, followedBy: &none, isAlone: true)
  }

  /// - Returns: false when the hub has gone or does not read: it counts this host as lost after its deadline.
  private func send(
    _ message: ExpertMessage, to peer: [UInt8], followedBy body: inout Frame, isAlone: Bool = false
  ) -> Bool {
    guard let sockets else { return false }
    do {
      var identity = Frame(copying: peer)
      var header = Frame(copying: try codec.encode(message))
      guard try sockets.router.send(&identity, more: true), try sockets.router.send(&header, more: !isAlone) else {
        return false
      }
      return try isAlone || sockets.router.send(&body)
    } catch let error as ZeroMQError {
      precondition(error.isHostUnreachable, "the host's socket failed: \(error)")
      return false
    } catch {
      preconditionFailure("a header of this host cannot be encoded: \(error)")
    }
  }
}
