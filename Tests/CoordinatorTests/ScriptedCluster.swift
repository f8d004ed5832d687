import Acceleration
import Coordinator
import History
import Messaging
import Serving
import TestKit
import Testing

/// A coordinator on an in-process network with a clock that stands still.
final class ScriptedCluster: Sendable {
  let network: InProcessNetwork
  let clock = ManualClock()
  let store: any HistoryStore
  let coordinator: JobCoordinator

  static let abilities = EngineAbilities(
    knobs: [
      .slotCount, .prefixCaching, .batchTokens, .microBatchTokens, .keyCacheType, .valueCacheType, .weightVariant,
      .speculation, .draftTokens, .draftModel, .ngramSize, .flashAttention, .threadCount,
    ])

  init(
    network: InProcessNetwork = InProcessNetwork(), store: any HistoryStore = InMemoryHistoryStore(),
    endpoint: (any ServerEndpoint)? = nil, configuration: CoordinatorConfiguration = CoordinatorConfiguration(),
    trainer: any ModelTraining = NoTraining()
  ) {
    self.network = network
    self.store = store
    coordinator = JobCoordinator(
      endpoint: endpoint ?? network.serverEndpoint, store: store, configuration: configuration,
      engines: [Fixture.engine: Self.abilities], trainer: trainer, clock: clock)
  }

  func worker(
    _ name: WorkerName, machine: String = "machine-1", capacity: Int = 2, models: [ModelProfile] = [Fixture.model()],
    behaviours: [ScriptedWorker.Behaviour] = [], costs: HiddenCosts = HiddenCosts(speedups: [:]),
    expertKey: String? = nil, asHub: ScriptedWorker.HubBehaviour = .complete,
    through wrap: (any ClientEndpoint) -> any ClientEndpoint = { $0 }
  ) async throws -> ScriptedWorker {
    let worker = ScriptedWorker(
      name, wrap(network.connect(name: name.rawValue, role: .worker)),
      Fixture.worker(machine: machine, capacity: capacity, models: models, expertKey: expertKey),
      behaviours: behaviours,
      costs: costs, asHub: asHub)
    await worker.start()
    let client = try await client("joining-\(name)")
    try await client.until { await client.workers().contains { $0.name == name && $0.isAlive } }
    client.peer.close()
    return worker
  }

  func client(_ name: String = "client") async throws -> ScriptedClient {
    let peer = ScriptedPeer(network.connect(name: name, role: .client))
    await peer.waitForConnection()
    try await peer.send(.hello(Hello(role: .client)))
    #expect(await peer.messages(1).count == 1, "a welcome")
    return ScriptedClient(peer)
  }

  /// Lets time pass in ticks; every worker says once a second that it is there.
  func pass(seconds: Double, beating workers: [ScriptedWorker] = []) async {
    for tick in 0..<Int(seconds * 10) {
      guard !Task.isCancelled else { return }
      if tick % 10 == 0 {
        for worker in workers {
          await worker.beat()
        }
      }
      await clock.untilSleeping()
      clock.advance(by: .milliseconds(100))
    }
    await clock.untilSleeping()
  }

  /// Lets time pass until `body` has its answer.
  func passing<Answer: Sendable>(
    beating workers: [ScriptedWorker], _ body: @escaping @Sendable () async throws -> Answer
  ) async throws -> Answer {
    try await withThrowingTaskGroup(of: Answer?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        while !Task.isCancelled {
          await self.pass(seconds: 1, beating: workers)
        }
        return nil
      }
      let answer = try await group.next()!!
      group.cancelAll()
      return answer
    }
  }

  func stop(_ workers: ScriptedWorker...) async {
    for worker in workers {
      await worker.stop()
    }
    await coordinator.stop()
  }
}

/// A client that asks one thing after another.
actor ScriptedClient {
  nonisolated let peer: ScriptedPeer
  private var nextID: UInt64 = 0

  init(_ peer: ScriptedPeer) { self.peer = peer }

  func send(_ request: ClientRequest) async throws -> UInt64 {
    nextID += 1
    try await peer.send(.request(id: nextID, request))
    return nextID
  }

  /// All answers to one request; others' are left out.
  func answers(_ request: ClientRequest) async throws -> [ClientResponse] {
    try await rest(of: try await send(request))
  }

  func rest(of id: UInt64) async throws -> [ClientResponse] {
    var answers: [ClientResponse] = []
    while let event = await peer.nextEvent() {
      guard case .message(.response(id, let response)) = event else { continue }
      answers.append(response)
      if response.isLast { return answers }
    }
    throw ApusError(.unavailable, "the connection ended after \(answers.count) answers")
  }

  func next(of id: UInt64) async -> ClientResponse? {
    while let event = await peer.nextEvent() {
      if case .message(.response(id, let response)) = event { return response }
    }
    return nil
  }

  /// The job, if the next answer is that it was accepted.
  func acceptance(of id: UInt64) async -> JobRecord? {
    if case .accepted(let record)? = await next(of: id) { record } else { nil }
  }

  func ask(_ request: ClientRequest) async throws -> ClientResponse {
    try #require(await answers(request).last)
  }

  func failure(_ request: ClientRequest) async throws -> ApusError? {
    if case .failure(let error) = try await ask(request) { error } else { nil }
  }

  func workers() async -> [WorkerStatus] {
    if case .workers(let workers)? = try? await ask(.listWorkers) { workers } else { [] }
  }

  /// Asks again until it is so; the coordinator's own work in between is all there is to wait for, which on a busy machine
  /// may be long.
  nonisolated func until(_ holds: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(300)
    while ContinuousClock.now < deadline {
      if try await holds() { return }
      try await Task.sleep(for: .milliseconds(1))
    }
    Issue.record("it never came to be")
  }
}

/// A submitted job as its client saw it.
struct SeenJob: Sendable {
  var accepted: JobRecord?
  var chunks: [TokenChunk] = []
  /// Why it had to wait, each time it was said.
  var waits: [String] = []
  var ended: JobRecord?
  var figures: JobFigures?
  var failure: ApusError?

  /// - Parameter accepted: where that answer was read before.
  init(_ answers: [ClientResponse], accepted: JobRecord? = nil) {
    self.accepted = accepted
    for answer in answers {
      switch answer {
      case .accepted(let record): self.accepted = record
      case .tokens(let chunk): chunks.append(chunk)
      case .jobWaiting(_, let reason): waits.append(reason)
      case .jobEnded(let end):
        do { ended = try end.record(from: self.accepted) } catch { Issue.record("\(error)") }
        figures = end.figures
      case .failure(let error): failure = error
      default: Issue.record("a job was answered with \(answer)")
      }
    }
  }

  var tokenIDs: [Int32] { chunks.flatMap(\.tokenIDs) }
  var text: String { chunks.map(\.text).joined() }

  /// Whether each chunk begins where the last one ended.
  var isWithoutGaps: Bool {
    var next = 0
    for chunk in chunks {
      if chunk.firstIndex != next { return false }
      next += chunk.tokenIDs.count
    }
    return true
  }
}

struct NoTraining: ModelTraining {
  func train() async throws(ApusError) -> String {
    throw ApusError(.badInput, "there is too little to learn from")
  }
}
