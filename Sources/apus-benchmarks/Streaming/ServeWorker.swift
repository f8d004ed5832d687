import ArgumentParser
import Engines
import Foundation
import Messaging
import Serving
import TestKit
import Worker

/// The worker under test, with a scripted engine, in a process of its own. Works until its standard input closes.
struct ServeWorker: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve-worker", shouldDisplay: false)

  @Option var state: String
  @Option var coordinator: String
  @Option var ttftMs: Double
  @Option var itlMs: Double
  /// Of the engine, which batches when there are several.
  @Option var slots: Int

  func run() async throws {
    let ring = KeyRing(directory: state + "/keys")
    var configuration = WorkerConfiguration()
    configuration.name = "worker"
    configuration.state = state
    configuration.jobCapacity = max(configuration.jobCapacity, slots)
    var engine = ScriptedEngine(
      script: ScriptedEngine.Script { script in
        script.ttftMS = ttftMs
        script.itlMS = itlMs
        script.slots = slots
      })
    if slots > 1 { engine.server = .stepping }
    let executor = EngineWorkExecutor(
      configuration: configuration, hardware: SyntheticHistory.hardware[2], engines: [engine],
      guardPath: try EngineInstallation.standard(stateDirectory: ".").guardPath)
    let worker = JobWorker(
      options: configuration.jobWorkerOptions,
      endpoint: try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(
          address: coordinator, keys: try ring.pair(configuration.name), serverKey: try ring.publicKey("coordinator"))),
      executor: executor, reports: try ReportStore(directory: configuration.ownDirectory + "/reports"),
      models: ModelReceiver(directory: configuration.modelsDirectory) { executor.hasModel($0) })
    let running = Task { try await worker.run() }
    await Lifeline.untilCut()
    running.cancel()
    try await running.value
  }
}
