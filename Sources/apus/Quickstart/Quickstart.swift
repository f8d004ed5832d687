import Engines
import Foundation
import Messaging
import Serving

/// The whole loop, step by step: models, keys, nodes, benchmark, training, recommendations, routed jobs.
actor Quickstart {
  /// Half-length shapes, so that every candidate gets its turn within minutes.
  static let workloads = [Workload.chat, .longPrompt, .sharedPrefix, .concurrent, .edit].map(\.halved)

  private let state: StateDirectory
  private let modelPath: String?
  private let budgetSeconds: Double
  private let keepsServices: Bool
  private let json: Bool
  private let installation: EngineInstallation
  private let cluster: LocalCluster
  private let steps = Steps(total: 6)

  init(
    state: StateDirectory, modelPath: String?, budgetSeconds: Double, keepsServices: Bool, json: Bool
  ) throws(ApusError) {
    self.state = state
    self.modelPath = modelPath
    self.budgetSeconds = budgetSeconds
    self.keepsServices = keepsServices
    self.json = json
    installation = try EngineInstallation.standard(stateDirectory: state.path)
    cluster = LocalCluster(state: state, guardPath: installation.guardPath, outlivesUs: keepsServices)
  }

  func run() async throws {
    try state.create()
    try await KeptServices(state: state).stop()
    let models = try await steps.step("Models") { try await self.prepareModels() }
    let client = try await steps.step("Keys, one coordinator, two workers") { try await self.startCluster() }
    let names = try await Reference.modelNames(client)
    let summary = try await steps.step(
      "Benchmark \(models.count) model\(models.count == 1 ? "" : "s") x \(Self.workloads.count) workloads within \(Figures.seconds(budgetSeconds)), then confirm the winners on fresh prompts"
    ) {
      let (summary, failure) = try await BenchmarkRun(
        client: client,
        spec: BenchmarkSpec(
          id: .random("benchmark"), models: models.map(\.id), workloads: Self.workloads,
          budgetSeconds: budgetSeconds, objective: .e2e, seed: UInt64.random(in: 0...UInt64(Int64.max)))
      ).run()
      if let failure { throw failure }
      return summary
    }
    try await steps.step("Train the selector on everything measured") { try await self.train(client) }
    try await steps.step("What to use, predicted > measured on fresh prompts") {
      self.show(summary, names)
    }
    let routed = try await steps.step("Submit jobs of different shapes") {
      let routed = try await SampleJobs.run(SampleJobs.make(for: models), client)
      Console.print(SampleJobs.table(routed, models: names))
      return routed
    }
    if json {
      Console.print(
        JSONValue.object([
          ("benchmark", BenchmarkOutput.json(summary, models: names)),
          ("jobs", .array(routed.map { JobOutput.json($0.record, $0.figures) })),
          ("elapsed_s", .double(steps.elapsedSeconds)),
        ]).text)
    }
    await client.close()
    try await finish()
  }

  /// Ends the services, also in the middle of a step.
  func stopEverything() async { await cluster.stop() }

  // MARK: steps

  /// - Returns: the models to benchmark.
  private func prepareModels() async throws -> [ModelProfile] {
    let engine = EngineCatalogue.all(installation).first!
    guard let here = await engine.detect() else {
      throw ApusError(
        .unavailable, "the engine \(engine.name) is not installed in \(state.path)/engines",
        advice: "run Deploy/quickstart, which installs it, or Deploy/engines/\(engine.name)/install")
    }
    Console.print("  engine \(here.name) \(here.version)")
    if let modelPath {
      let profile = try ModelLibrary(directory: state.models).add(path: modelPath)
      Console.print("  \(ModelOutput.text(profile))".replacing("\n", with: "\n  "))
      return [profile]
    }
    let made = try await ModelSynthesis.run(state) { Console.print("  " + $0) }
    Console.print("  " + made.map(ModelOutput.text).joined(separator: "\n").replacing("\n", with: "\n  "))
    Console.print(
      """
        These are real architectures with RANDOM weights and a planted successor structure, so that speculation is
        accepted about as often as on real models: they show how strategies differ in speed, not what a model can say.
      """)
    return made.filter { ModelSynthesis.benchmarked.contains($0.name) }
  }

  private func startCluster() async throws -> CoordinatorClient {
    try cluster.makeKeys()
    try await cluster.startCoordinator()
    if keepsServices { try KeptServices(state: state).remember(cluster.processIDs) }
    let client = try await ClientOptions.parse(["--state", state.path]).connect()
    let lastCore = ProcessInfo.processInfo.activeProcessorCount - 1
    var workers = [try await cluster.startWorker(LocalCluster.workerNames[0], cores: nil, client: client)]
    workers.append(
      try await cluster.startWorker(LocalCluster.workerNames[1], cores: String(lastCore), client: client))
    if keepsServices { try KeptServices(state: state).remember(cluster.processIDs) }
    Console.print(WorkersCommand.table(workers).text(indent: "  "))
    return client
  }

  private func train(_ client: CoordinatorClient) async throws {
    guard case .trained(let training) = try await client.ask(.train, timeout: .seconds(300)) else {
      throw ApusError(.bug, "the coordinator answered a training with something else")
    }
    Console.print(
      "  \(training.rowCount) measurements, \(Figures.seconds(training.seconds)): \(training.reason)")
  }

  private func show(_ summary: BenchmarkSummary, _ names: [ModelID: String]) {
    Console.print(BenchmarkOutput.table(summary, models: names))
    Console.print(
      """

        Speed-up: mean end-to-end latency against the engine's own default (same weights, same threads, passive OpenMP),
        geometric mean of paired blocks on prompts no earlier round had seen. Only an interval wholly above 1 is a gain.
      """)
    for section in BenchmarkOutput.qualitySections(summary, models: names) {
      Console.print("\n  \(section.heading)\n\(section.table)")
    }
  }

  private func finish() async throws {
    if keepsServices {
      let gateway = try await cluster.startGateway()
      try KeptServices(state: state).remember(cluster.processIDs)
      Console.print(
        """

        The coordinator, the workers and a gateway at \(gateway) go on (logs in \(state.logs)). Try:
          curl \(gateway)/v1/chat/completions -H 'Content-Type: application/json' \\
            -d '{"model":"dense-q8_0","stream":true,"max_tokens":32,"messages":[{"role":"user","content":"Once upon a time"}]}'
          apus recommend --model NAME --workload chat --explain --state \(state.path)
          apus submit --model NAME --prompt 'Once upon a time' --stream --state \(state.path)
          apus workers --state \(state.path)
          apus jobs list --state \(state.path)
        A further `apus quickstart` stops them.
        """)
    } else {
      await cluster.stop()
      Console.print(
        "\nAll services are stopped; the history stays in \(state.history), and a second run goes on from it.")
    }
  }
}
