import ArgumentParser
import Engines
import Foundation
import Messaging
import Serving
import Worker

/// `apus worker`: the service that runs engines, measures and serves jobs on one node.
struct WorkerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker", abstract: "Run a worker until it is told to stop.",
    discussion:
      "Options come from flags, then APUS_* variables, then --config, then defaults (Deploy/config/worker.yaml).")

  @Option(help: "YAML file of options.") var config: String?
  @Option(help: "State directory. [default: .apus]") var state: String?
  @Option(help: "Name of the worker and of its key. [default: worker]") var name: String?
  @Option(help: "The coordinator's address. [default: the one running on this state directory]") var coordinator:
    String?
  @Option(
    parsing: .unconditional,
    help: "The coordinator's public key. [default: keys/coordinator.pub in the state directory]")
  var serverKey: String?
  @Option(help: "Cores for this worker and its engines, such as 0-3,8. [default: all]") var cores: String?
  @Option(
    help: ArgumentHelp(
      "A server you already run, to be measured and routed to: NAME=http://HOST:PORT[,model=MODEL][,served=NAME][,key=FILE]. May be repeated.",
      valueName: "name=url"))
  var attach: [String] = []
  @Option(help: "Directory of model files. [default: models in the state directory]") var models: String?
  @Option(help: "Jobs at once. [default: 4]") var jobCapacity: String?
  @Option(help: "What an hour of this node costs, in a currency that is the same for all nodes. [default: not said]")
  var pricePerHour: String?
  @Option(
    help:
      "Where to host experts for other workers, as they reach this machine: tcp://HOST:PORT, PORT may be *. [default: on 127.0.0.1 with a coordinator there, else nowhere]"
  )
  var experts: String?
  @Option(
    name: .customLong("expert-gflop-per-s"),
    help:
      "Play a slower machine where experts are hosted, by sleeping: its GEMM rate. [default: as fast as this one can]")
  var expertGFLOPPerS: String?
  @Flag(help: "Print one JSON line once it has measured its machine.") var json = false

  func run() async throws {
    let file = try ServiceOptions(
      path: config, section: "worker", allowed: Set(WorkerConfiguration.Option.allCases.map(\.rawValue)))
    let flags: [WorkerConfiguration.Option: String?] = [
      .state: state, .name: name, .coordinator: coordinator, .serverKey: serverKey, .cores: cores, .models: models,
      .jobCapacity: jobCapacity, .attach: attach.isEmpty ? nil : attach.joined(separator: "\n"),
      .pricePerHour: pricePerHour, .experts: experts,
      .expertGFLOPPerS: expertGFLOPPerS,
    ]
    let flagTexts = Dictionary(
      uniqueKeysWithValues: flags.compactMap { key, value in value.map { (key.rawValue, $0) } })
    var options = try WorkerConfiguration { file.text($0, flag: flagTexts[$0]) }
    let directory = StateDirectory(options.state)
    try directory.create()
    options.state = directory.path
    let home = directory.worker(options.name)
    try StateDirectory.make(home)
    let lock = try DirectoryLock(path: home + "/worker.lock", of: "worker called \(options.name)")
    defer { withExtendedLifetime(lock) {} }
    let worker = try await makeWorker(options, directory)
    let logger = Service.logger("apus.worker")
    logger.info("worker \(options.name) starts")
    let work = Task { try await worker.run() }
    try await Service.untilSignalled(
      {
        try await withTaskCancellationHandler {
          try await work.value
        } onCancel: {
          work.cancel()
        }
      },
      stop: {
        logger.info("stopping")
        work.cancel()
      })
  }

  private func makeWorker(_ options: WorkerConfiguration, _ directory: StateDirectory) async throws -> JobWorker {
    let client = ClientAddress(
      directory: directory, coordinator: options.coordinator.isEmpty ? nil : options.coordinator,
      key: options.name, serverKey: options.serverKey.isEmpty ? nil : options.serverKey)
    // What is wrong with them is said before the machine is measured.
    let connection = try client.connection()
    if !options.cores.isEmpty { try CPUAffinity.pinProcess(to: options.cores) }
    let installation = try EngineInstallation.standard(stateDirectory: directory.path)
    let hardware = await Capabilities.measure(
      cachePath: options.ownDirectory + "/capabilities.json",
      acceleratorProbe: [ThisProgram.path, MeasureAcceleratorsCommand.name])
    if json {
      Console.print(
        JSONValue.object([
          ("name", .string(options.name)), ("core_count", .int(hardware.coreCount)),
          ("memory_bytes", .int(hardware.memoryBytes)),
          ("memory_bandwidth_bytes_per_s", .double(hardware.memoryBandwidth)),
          ("gemm_flop_per_s", .double(hardware.gemmRate)),
        ]).text)
    }
    let executor = EngineWorkExecutor(
      configuration: options, hardware: hardware, engines: EngineCatalogue.all(installation),
      guardPath: installation.guardPath)
    let address = options.experts.isEmpty ? Self.loopback(connection.address) : options.experts
    let experts = try address.map { address throws(ApusError) in
      try LocalExperts(
        address: address, modelPath: { executor.modelPath($0) },
        emulated: options.expertGFLOPPerS.map { .played(gflopPerS: $0) }, makeRoom: { await executor.evictIdle() })
    }
    return JobWorker(
      options: options.jobWorkerOptions, endpoint: try ZeroMQClientEndpoint(options: connection), executor: executor,
      experts: experts, reports: try ReportStore(directory: options.ownDirectory + "/reports"),
      models: ModelReceiver(
        directory: options.modelsDirectory, reservedBytes: options.reservedDiskBytes
      ) { executor.hasModel($0) },
      log: Service.logger("apus.worker"))
  }

  /// Where experts are hosted when nobody says: on this machine alone, as the coordinator is.
  private static func loopback(_ coordinator: String) -> String? {
    coordinator.hasPrefix("tcp://127.") || coordinator.hasPrefix("tcp://localhost:") ? "tcp://127.0.0.1:*" : nil
  }
}
