import Messaging
import Serving
import TestKit
import Worker

/// A worker with scripted work, a clock that stands still and a coordinator that listens, in one process.
struct WorkerUnderTest {
  let network = InProcessNetwork()
  let clock = ManualClock()
  let executor: ScriptedExecutor
  let directory: TemporaryFolder
  let coordinator: TestCoordinator
  let worker: JobWorker
  /// The worker's life.
  let life: Task<Void, any Error>

  /// - Parameter directory: of an earlier worker, to start again where it was.
  init(
    welcomes: Bool = true, confirms: Bool = false, directory: TemporaryFolder? = nil, reportCapacity: Int = 100,
    modelCheckInterval: Duration? = nil, executor: ScriptedExecutor = ScriptedExecutor(),
    experts: ScriptedExperts? = nil
  ) async throws {
    self.executor = executor
    self.directory = directory ?? TemporaryFolder()
    coordinator = TestCoordinator(network.serverEndpoint, welcomes: welcomes, confirms: confirms)
    try await coordinator.start()
    worker = JobWorker(
      options: JobWorkerOptions(
        name: WorkerName("worker"), jobCapacity: 2, reportCapacity: reportCapacity,
        modelCheckInterval: modelCheckInterval),
      endpoint: network.connect(name: "worker", role: .worker), executor: executor,
      experts: experts, reports: try ReportStore(directory: self.directory.path + "/reports"),
      models: ModelReceiver(directory: self.directory.path + "/models", reservedBytes: 0) { _ in false },
      clock: clock)
    let worker = worker
    life = Task { try await worker.run() }
    await coordinator.heard { !$0.hellos.isEmpty }
  }

  /// Returns once the worker has taken everything the coordinator sent before, by an answer that must follow it.
  func caughtUp(_ other: TestCoordinator? = nil) async {
    let coordinator = other ?? coordinator
    let count = await coordinator.messages.offsets.count
    await coordinator.send(.modelChunk(ModelChunk(model: ModelID("?"), name: "", totalBytes: 1, offset: 0, bytes: [])))
    await coordinator.heard { $0.offsets.count > count }
  }

  func stop() async throws {
    life.cancel()
    try await life.value
  }
}
