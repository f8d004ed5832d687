import Benchmarking
import Coordinator
import Engines
import History
import Messaging
import Serving
import TestKit
import Worker

/// A coordinator and a worker with a scripted engine in this process, speaking over TCP with CURVE as they do apart.
struct ScriptedCluster {
  let state: TemporaryState
  let model: ModelID
  private let coordinator: JobCoordinator
  private let store: SQLiteHistoryStore
  private let serverAddress: String
  private let worker: Task<Result<Void, ApusError>, Never>

  /// Starts both and returns once the worker is there.
  static func start(_ engine: ScriptedEngine, guardPath: String) async throws -> ScriptedCluster {
    let state = try TemporaryState()
    let ring = state.ring
    let keys = try ring.generate("coordinator")
    try ring.generate("client", role: .client)
    let path = state.path + "/models/tiny.gguf"
    try TinyModelFile.write(to: path)
    let model = try GGUFReader.profile(path: path, name: nil).id

    let store = try SQLiteHistoryStore(path: state.path + "/history.sqlite")
    let endpoint = try ZeroMQServerEndpoint(
      options: ServerOptions(address: "tcp://127.0.0.1:0", keys: keys, authorized: AuthorizedKeys(ring: ring)))
    let coordinator = JobCoordinator(
      endpoint: endpoint, store: store, configuration: .measured, engines: [engine.name: engine.abilities],
      trainer: NoTraining())
    try await coordinator.start()

    var configuration = WorkerConfiguration()
    configuration.name = "worker"
    configuration.state = state.path
    let executor = EngineWorkExecutor(
      configuration: configuration, hardware: SyntheticHistory.hardware[2], engines: [engine], guardPath: guardPath)
    let worker = JobWorker(
      options: configuration.jobWorkerOptions,
      endpoint: try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(
          address: endpoint.address, keys: try ring.generate("worker", role: .worker), serverKey: keys.publicKey)),
      executor: executor, reports: try ReportStore(directory: configuration.ownDirectory + "/reports"),
      models: ModelReceiver(directory: configuration.modelsDirectory) { executor.hasModel($0) })
    let running = Task { () -> Result<Void, ApusError> in
      do throws(ApusError) {
        return .success(try await worker.run())
      } catch {
        return .failure(error)
      }
    }
    let cluster = ScriptedCluster(
      state: state, model: model, coordinator: coordinator, store: store, serverAddress: endpoint.address,
      worker: running)
    try await cluster.untilWorkerIsThere()
    return cluster
  }

  func client() async throws -> BenchmarkClient { try await BenchmarkClient(try clientEndpoint()) }

  func clientEndpoint() throws(ApusError) -> any ClientEndpoint {
    try ZeroMQClientEndpoint(
      options: ZeroMQClientOptions(
        address: serverAddress, keys: try state.ring.pair("client"),
        serverKey: try state.ring.publicKey("coordinator")))
  }

  private func untilWorkerIsThere() async throws {
    var client = try await client()
    defer { client.close() }
    for _ in 0..<600 {
      if case .workers(let workers) = try await client.ask(.listWorkers), workers.contains(where: \.isAlive) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw ApusError(.unavailable, "the worker under test did not come within 30 s")
  }

  func stop() async throws {
    worker.cancel()
    let ending = await worker.value
    await coordinator.stop()
    await store.close()
    try ending.get()
  }
}
