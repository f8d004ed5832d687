import ArgumentParser
import Engines
import Foundation
import History
import Messaging
import Selection
import Serving

/// Resident memory of the real services.
struct MemoryFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory", abstract: "Resident memory of a coordinator with a full history, and of a worker.")

  @Option(help: "Measurements in the history.") var rows = 100_000
  @Option(help: "State directory whose installed engine and models the worker uses.") var state = ".apus"
  @Flag(help: "Print one JSON object.") var json = false

  /// Measurements the selector is trained on: how large its trees are hardly depends on more.
  private static let trainedRows = 5000
  private static let batch = 2000

  func validate() throws {
    guard rows >= SelectorTrainer.leastMeasurements else {
      throw ValidationError("give at least \(SelectorTrainer.leastMeasurements) rows")
    }
  }

  func run() async throws {
    var report = FigureReport(figure: "memory", method: [])
    let program = ChildService.program("apus")
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw ApusError(
        .unavailable, "there is no \(program)",
        advice: "build it in the same way: Deploy/build")
    }
    let guardPath = try EngineInstallation.standard(stateDirectory: ".").guardPath
    let directory = try TemporaryState()
    let databaseBytes = try await prepare(directory)

    let coordinator = try ChildService.start(
      [
        program, "coordinator", "--state", directory.path, "--bind", "tcp://127.0.0.1:0", "--retrain-after", "1000000",
        "--json",
      ], guardPath: guardPath)
    _ = try await coordinator.nextLine(within: .seconds(300))
    var client = try await client(directory)
    let listening = try ProcessFigures.memory(of: try coordinator.processID())
    for objective in Objective.allCases { try await recommend(&client, objective) }
    let answered = try ProcessFigures.memory(of: try coordinator.processID())
    let worker = try await worker(program, guardPath, directory, &client)
    let end = try ProcessFigures.memory(of: try coordinator.processID())
    client.close()
    await coordinator.stop()

    add(&report, "coordinator", answered, target: 150)
    report.add(
      "coordinator_listening_mb", "coordinator, before the first question", megabytes(listening.residentBytes), "MB")
    report.add("coordinator_end_mb", "coordinator, at the end", megabytes(end.residentBytes), "MB")
    report.add("database_mb", "the history's file", megabytes(databaseBytes), "MB")
    if let worker {
      add(&report, "worker", worker, target: 80)
    } else {
      report.skipped = [
        "worker: no engine is installed in \(state)/engines, and a worker does not start without one; "
          + "install it with Deploy/quickstart and name its directory with --state"
      ]
    }
    report.method = [
      "resident set (VmRSS of /proc/PID/status, 1 MB = 1,000,000 bytes) of `apus coordinator` and `apus worker` from the same "
        + "build, started by this command on a temporary state directory",
      "the coordinator has a history of \(rows) synthetic measurements with one sample of 64 tokens each, written through "
        + "SQLiteHistoryStore, and a selector trained on \(min(rows, Self.trainedRows)) of them; it is measured after it "
        + "answered a recommendation for each objective; retraining, which is a process of its own, is put off",
      "the worker has measured its machine, is connected and idle, and has not started an engine",
    ]
    report.print(asJSON: json)
  }

  private func add(_ report: inout FigureReport, _ who: String, _ memory: ProcessFigures.Memory, target: Double) {
    report.add("\(who)_mb", "\(who), resident", megabytes(memory.residentBytes), "MB", target: target)
    report.add("\(who)_anonymous_mb", "\(who), of that no file's", megabytes(memory.anonymousBytes), "MB")
    report.add("\(who)_peak_mb", "\(who), most since its start", megabytes(memory.peakBytes), "MB")
  }

  private func megabytes(_ bytes: Int) -> Double { Double(bytes) / 1e6 }

  /// Writes keys, history and selector.
  ///
  /// - Returns: the history's size in bytes.
  private func prepare(_ directory: TemporaryState) async throws -> Int {
    let ring = directory.ring
    try ring.generate("client", role: .client)
    try ring.generate("worker", role: .worker)
    let store = try SQLiteHistoryStore(path: directory.path + "/history.sqlite")
    try await store.append(SyntheticHistory.models.map(HistoryRecord.model))
    var history = SyntheticHistory(seed: 1)
    var left = rows
    while left > 0 {
      let measurements = history.measurements(min(left, Self.batch), samples: 1)
      try await store.append(measurements.map(HistoryRecord.measurement))
      left -= measurements.count
    }
    let bytes = try await store.stats().databaseBytes
    await store.close()
    var first = SyntheticHistory(seed: 1)
    let file = try SelectorTrainer.train(
      first.measurements(min(rows, Self.trainedRows)), models: SyntheticHistory.models, threadCount: 1)
    try file.write(to: directory.path + "/selector.model")
    return bytes
  }

  private func client(_ directory: TemporaryState) async throws -> BenchmarkClient {
    let path = directory.path + "/coordinator.address"
    let address = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    return try await BenchmarkClient(
      try ZeroMQClientEndpoint(
        options: ZeroMQClientOptions(
          address: address, keys: try directory.ring.pair("client"),
          serverKey: try directory.ring.publicKey("coordinator"))))
  }

  private func recommend(_ client: inout BenchmarkClient, _ objective: Objective) async throws {
    let query = RecommendQuery(
      model: SyntheticHistory.models[1].id, workload: .concurrent, objective: objective,
      hardware: SyntheticHistory.hardware[0])
    guard case .recommendation(let answer) = try await client.ask(.recommend(query)), !answer.candidates.isEmpty else {
      throw ApusError(.bug, "the coordinator did not answer a recommendation")
    }
  }

  /// Nil when there is no engine for it.
  private func worker(
    _ program: String, _ guardPath: String, _ directory: TemporaryState, _ client: inout BenchmarkClient
  ) async throws -> ProcessFigures.Memory? {
    let installed = URL(fileURLWithPath: state).standardizedFileURL.path
    guard FileManager.default.fileExists(atPath: installed + "/engines/llamacpp/server.py") else { return nil }
    try FileManager.default.createSymbolicLink(
      atPath: directory.path + "/engines", withDestinationPath: installed + "/engines")
    var command = [program, "worker", "--name", "worker", "--state", directory.path, "--json"]
    if FileManager.default.fileExists(atPath: installed + "/models") { command += ["--models", installed + "/models"] }
    let service = try ChildService.start(command, guardPath: guardPath)
    _ = try await service.nextLine(within: .seconds(300))
    for _ in 0..<600 {
      if case .workers(let workers) = try await client.ask(.listWorkers), workers.contains(where: \.isAlive) {
        // What its start allocated for a moment has been given back, or never will be.
        try await Task.sleep(for: .seconds(2))
        let memory = try ProcessFigures.memory(of: try service.processID())
        await service.stop()
        return memory
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    await service.stop()
    throw ApusError(.unavailable, "the worker under test did not come within a minute")
  }
}
