import Messaging
import Serving
import ZeroMQ

/// Workers and a client that keep a coordinator busy: plain sockets on one thread, like the peers of the echo.
///
/// Each worker answers an assignment at once with its report, after as many token chunks as asked for; the client
/// submits the next job for each one that ends. Lives on its loop. What goes wrong ends the program, in words: a release
/// build says those of `fatalError` only.
final class WireLoad {
  struct Options: Sendable {
    var address: String
    var serverKey: String
    var workers: [(name: String, keys: KeyPair)]
    var client: KeyPair
    /// Jobs each worker runs at once.
    var capacity: Int
    /// Token chunks of each job.
    var chunks: Int
    /// Jobs before the measurement, and in it.
    var warmUpJobs: Int
    var jobs: Int
    /// The coordinator's CPU time so far, in seconds.
    var cpuSeconds: @Sendable () -> Double
  }

  /// What happened between the end of the warm-up and the end of the last job.
  struct Outcome: Sendable {
    var jobs: Int
    /// Messages the coordinator received from these peers, and sent to them.
    var received: Int
    var sent: Int
    var bytes: Int
    var cpuSeconds: Double
    var wallSeconds: Double
    /// The messages of one job as they were on the wire, for the echo.
    var bodies: [[UInt8]]
  }

  /// Submit, accepted, assignment, report, report stored, job ended; each chunk comes and is relayed.
  static func messagesPerJob(chunks: Int) -> Int { 6 + 2 * chunks }

  /// A socket, and who is behind it.
  private final class Peer {
    let socket: Socket
    /// Nil for the client.
    let worker: String?
    var registration: PollLoop.Registration?
    /// When the coordinator last heard of it.
    var sentAt = ContinuousClock.now

    init(_ context: Context, _ keys: KeyPair, _ worker: String?, _ options: Options) throws(ZeroMQError) {
      self.worker = worker
      socket = try Socket(
        .dealer, in: context,
        options: [.linger(milliseconds: 0), .curveClient(serverKey: options.serverKey, keys: keys)])
      try socket.connect(options.address)
    }
  }

  private struct Count {
    var received = 0
    var sent = 0
    var bytes = 0
    var cpuSeconds = 0.0
    var at = ContinuousClock.now
  }

  private let options: Options
  private let loop: PollLoop
  private let codec = MessageCodec()
  private let ended: @Sendable (Outcome) -> Void
  private var peers: [Peer] = []
  private var frame = Frame()
  /// All submits are alike but for their number.
  private var lastSubmit: [UInt8] = []
  private var count = Count()
  private var countAtStart = Count()
  private var welcomes = 0
  /// At the last message, and when heartbeats were last due.
  private var now = ContinuousClock.now
  private var beatAt = ContinuousClock.now
  private var submitted = 0
  private var finished = 0
  /// The messages of one whole job, the submit first; empty until there is one.
  private var bodies: [[UInt8]] = []
  /// Messages of jobs that may become that one. The peers hear of a job in any order, so several are written down.
  private var noted: [JobID: [[UInt8]]] = [:]
  private let metrics = SyntheticHistory.jobMetrics

  /// - Parameter ended: called once, on the loop.
  init(_ options: Options, loop: PollLoop, ended: @escaping @Sendable (Outcome) -> Void) {
    self.options = options
    self.loop = loop
    self.ended = ended
  }

  /// On the loop.
  func start() {
    do {
      let context = Context()
      for worker in options.workers { peers.append(try Peer(context, worker.keys, worker.name, options)) }
      peers.append(try Peer(context, options.client, nil, options))
    } catch {
      fatalError("a socket of the load cannot be made: \(error)")
    }
    for peer in peers {
      peer.registration = loop.add(peer.socket, for: .input) { [unowned self] _ in self.drain(peer) }
      send(.hello(hello(of: peer)), from: peer)
    }
  }

  func stop() {
    for peer in peers { peer.registration.map { loop.remove($0) } }
    peers = []
  }

  private func hello(of peer: Peer) -> Hello {
    guard peer.worker != nil else { return Hello(role: .client) }
    return Hello(
      role: .worker,
      worker: WorkerDescription(
        hardware: SyntheticHistory.hardware[0],
        engines: [EngineDescription(name: SyntheticHistory.engine, version: "1")],
        models: [SyntheticHistory.models[0]], jobCapacity: options.capacity))
  }

  // MARK: Messages

  private func drain(_ peer: Peer) {
    beat()
    do {
      while try peer.socket.receive(into: &frame) {
        let bytes = frame.bytes()
        let message = try codec.decode(bytes)
        count.sent += 1
        count.bytes += bytes.count
        take(message, bytes, peer)
      }
    } catch {
      fatalError("the load cannot read what the coordinator sent: \(error)")
    }
  }

  /// Workers that had nothing to do for a while say that they are there.
  private func beat() {
    now = .now
    guard now - beatAt >= .milliseconds(250) else { return }
    beatAt = now
    for peer in peers where peer.worker != nil && now - peer.sentAt >= .milliseconds(500) {
      send(.heartbeat(Heartbeat(leases: [])), from: peer)
    }
  }

  private func take(_ message: Message, _ bytes: [UInt8], _ peer: Peer) {
    switch message {
    case .welcome:
      welcomes += 1
      if welcomes == peers.count { submitAll() }
    case .assignment(let assignment):
      guard case .job(let job) = assignment.work else { return }
      note(bytes, of: job.job)
      run(job, assignment.lease, peer)
    case .reportStored(let id):
      note(bytes, of: JobID(id.rawValue))
    case .response(_, .accepted(let record)):
      note(bytes, of: record.id)
    case .response(_, .tokens(let chunk)):
      note(bytes, of: chunk.job)
    case .response(_, .jobEnded(let end)):
      guard end.standing.state == .completed else {
        fatalError("job \(end.job) \(end.standing.state): \(end.standing.failure ?? "no reason")")
      }
      note(bytes, of: end.job)
      self.end()
    case .warmUp: break
    case .refused(let error), .response(_, .failure(let error)):
      fatalError("the coordinator refused the load: \(error)")
    default:
      fatalError("the load does not expect \(message)")
    }
  }

  private func note(_ bytes: [UInt8], of job: JobID) {
    guard bodies.isEmpty, finished >= options.warmUpJobs else { return }
    noted[job, default: [lastSubmit]].append(bytes)
    if noted[job]?.count == Self.messagesPerJob(chunks: options.chunks) {
      bodies = noted.removeValue(forKey: job) ?? []
      noted = [:]
    }
  }

  @discardableResult
  private func send(_ message: Message, from peer: Peer) -> [UInt8] {
    do {
      let bytes = try codec.encode(message)
      var frame = Frame(copying: bytes)
      let isSent = try peer.socket.send(&frame)
      guard isSent else { fatalError("a peer's queue is full, although it has few messages under way") }
      peer.sentAt = now
      count.received += 1
      count.bytes += bytes.count
      return bytes
    } catch {
      fatalError("the load cannot send: \(error)")
    }
  }

  private func run(_ job: JobAssignment, _ lease: LeaseID, _ peer: Peer) {
    for index in 0..<options.chunks {
      let chunk = TokenChunk(
        job: job.job, lease: lease, firstIndex: index, tokenIDs: [Int32(1000 + index)], text: " word")
      note(send(.tokens(chunk), from: peer), of: job.job)
    }
    // The measurement has the job's name, so that its acknowledgement can be told.
    let measurement = Measurement(
      id: MeasurementID(job.job.rawValue), source: .job(job.job), worker: WorkerName(peer.worker ?? ""),
      hardware: SyntheticHistory.hardware[0], model: SyntheticHistory.models[0], workload: job.spec.workload,
      configuration: job.candidate.configuration, fidelity: job.candidate.fidelity, engineVersion: "1",
      startedAtMS: 1_790_000_000_000, outcome: .completed(metrics),
      samples: [
        RequestTimeline(
          sentAtSeconds: 0, tokenSeconds: (1...job.spec.maxTokens).map { 0.02 * Double($0) }, promptTokenCount: 16)
      ])
    let report = Report(
      lease: lease, measurement: measurement, isLast: true,
      output: String(repeating: " word", count: job.spec.maxTokens))
    note(send(.report(report), from: peer), of: job.job)
  }

  // MARK: Jobs

  private func submitAll() {
    for _ in 0..<min(options.workers.count * options.capacity, total) { submit() }
  }

  private var total: Int { options.warmUpJobs + options.jobs }

  private func submit() {
    submitted += 1
    let spec = JobSpec(
      model: SyntheticHistory.models[0].id, prompt: .text("Say in one sentence what a coordinator does, please."),
      maxTokens: 16)
    lastSubmit = send(.request(id: UInt64(submitted), .submit(spec)), from: peers[peers.count - 1])
  }

  private func end() {
    finished += 1
    if finished == options.warmUpJobs {
      count.cpuSeconds = options.cpuSeconds()
      count.at = .now
      countAtStart = count
    }
    if submitted < total { submit() }
    guard finished == total else { return }
    ended(
      Outcome(
        jobs: options.jobs, received: count.received - countAtStart.received, sent: count.sent - countAtStart.sent,
        bytes: count.bytes - countAtStart.bytes, cpuSeconds: options.cpuSeconds() - countAtStart.cpuSeconds,
        wallSeconds: (.now - countAtStart.at) / .seconds(1), bodies: bodies))
  }
}
