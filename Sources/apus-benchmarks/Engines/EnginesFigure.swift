import Acceleration
import ArgumentParser
import Benchmarking
import Engines
import Foundation
import History
import Serving
import Worker

/// Engines side by side on the same weights: each configuration gets the same requests in the same rounds, in turns.
///
/// A benchmark of the coordinator gives paired rounds to contenders only; this gives them to all, so that a slower engine
/// is measured as well as a faster one.
struct EnginesFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engines",
    abstract: "Compares engines and their settings on one model's weights, in paired rounds.",
    discussion: "The first configuration is what the others are compared with. What fails is a row with its reason.")

  @Option(help: "State directory with the engines and models.") var state = ".apus"
  @Option(help: "A model's name; an engine that does not load its format gets the same weights in its own.")
  var model = "dense-f16"
  @Option(help: "Workloads, separated by commas.") var workloads = Workload.builtIn.map(\.name).joined(separator: ",")
  @Option(help: "ENGINE or 'ENGINE knob=value ...'; may be given several times.")
  var configuration = ["llamacpp", "vllm", "vllm graph_capture=off"]
  @Option(help: "Also each method alone on this engine, in every setting that it proposes for these workloads.")
  var eachMethod: String?
  @Option(help: "With --each-method: where ggml-rpc-server listens, HOST:PORT, several separated by commas.")
  var rpcServers = ""
  @Option(help: "Rounds.") var rounds = 3
  @Option(help: "Halve the workloads' lengths this many times.") var halvings = 0
  @Option(help: "Seconds after which no block starts.") var budget = 1800.0
  @Option(help: "Seed of prompts and order.") var seed: UInt64 = 1
  @Option(help: "Database that gets every measurement with its samples.") var history: String?
  @Option(help: "The worker's name in it, which says how this process is restricted.") var worker = "engines-figure"
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard rounds > 0, budget > 0, configuration.count > 1 || eachMethod != nil, (0...3).contains(halvings) else {
      throw ValidationError("give rounds and a budget above 0, 0 to 3 halvings, and two configurations or more")
    }
  }

  func run() async throws {
    let machine = MachineNote()
    let installation = try EngineInstallation.standard(stateDirectory: state)
    let (host, builds) = try await host(installation)
    let available = try ModelLibrary(directory: installation.modelsDirectory).scan()
    guard let profile = available.first(where: { $0.name == model }) else {
      throw ApusError(
        .badInput, "there is no model \(model) in \(installation.modelsDirectory)",
        advice: "see `apus model synthesize`")
    }
    let workloads = try chosenWorkloads()
    let compared = ComparedConfigurations(
      state: state, host: host, model: profile, available: available, builds: builds,
      rpcServers: rpcServers.split(separator: ",").map(String.init))
    var candidates = try configuration.map { try compared.named($0) }
    var names = configuration
    if let eachMethod {
      let modelNames = Dictionary(available.map { ($0.id, $0.name) }) { first, _ in first }
      for candidate in try compared.eachMethod(of: eachMethod, workloads: workloads) {
        candidates.append(candidate)
        names.append(candidate.configuration.label(modelNames: modelNames))
      }
    }
    let trial = TrialSpec(
      id: .random("trial"), benchmark: .random("benchmark"), purpose: .paired, model: profile.id,
      candidates: candidates, workloads: workloads, rounds: rounds, seed: seed, timeLimitSeconds: budget)
    let store = try history.map { try SQLiteHistoryStore(path: $0) }
    let results = EngineComparison(candidates: candidates, names: names)
    await TrialRunner(host: host).run(trial) { measurement, _ in
      await results.take(measurement)
      guard let store else { return }
      do {
        try await store.append([.measurement(measurement)])
      } catch {
        FileHandle.standardError.write(Data("apus-benchmarks: a measurement was not stored: \(error)\n".utf8))
      }
    }
    await store?.close()
    let text = await json ? results.json(machine: machine.sentence) : results.text(machine: machine.sentence)
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
    if let failure = await results.soleFailure {
      throw ApusError(.unavailable, "no block was completed: \(failure)", advice: "see what is missing: apus doctor")
    }
  }

  /// This machine, and the builds of each engine that are installed on it.
  private func host(_ installation: EngineInstallation) async throws -> (EngineHost, [EngineName: [EngineBuild]]) {
    let library = ModelLibrary(directory: installation.modelsDirectory)
    try library.scan()
    let hardware = await Capabilities.measure(cachePath: "\(state)/\(worker).json")
    var engines: [any InferenceEngine] = []
    var versions: [EngineName: String] = [:]
    var builds: [EngineName: [EngineBuild]] = [:]
    for engine in EngineCatalogue.all(installation) {
      guard let here = await engine.detect() else { continue }
      engines.append(engine)
      versions[engine.name] = here.version
      builds[engine.name] = here.builds
    }
    let host = EngineHost(
      engines: engines, modelPath: { library.path(of: $0) }, profile: { library.profile(of: $0) },
      worker: WorkerName(worker), hardware: hardware, engineVersions: versions,
      guardPath: installation.guardPath, memoryLimitBytes: hardware.memoryBytes / 10 * 8)
    return (host, builds)
  }

  private func chosenWorkloads() throws -> [Workload] {
    try workloads.split(separator: ",").map { name in
      guard var workload = Workload.builtIn.first(where: { $0.name == name }) else {
        throw ApusError(.usage, "there is no workload \(name)")
      }
      for _ in 0..<halvings { workload = workload.halved }
      return workload
    }
  }
}
