import ArgumentParser
import ExpertExecution
import ExpertPlacement
import Foundation
import Messaging
import Serving

extension PlacementCommand {
  /// `apus placement benchmark`: what placements do on real hosts.
  struct BenchmarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "benchmark", abstract: "Measure placements of a GGUF model's experts on real hosts.",
      discussion: """
        Runs batches through the model's mixture-of-experts layers on hosts reached over TCP with CURVE, one plan after the \
        other, and compares what the hosts computed. Either starts hosts on this machine (--local-hosts), which play machines \
        of unequal speed by sleeping, or uses hosts started with `apus placement host` (--host with --cluster).
        """)

    @Option(help: "GGUF mixture-of-experts model.") var model: String
    @Option(help: "Hosts to start on this machine.") var localHosts: Int?
    @Option(help: "Relative speeds that local hosts play, such as 8:4:2:1. [default: all as fast as they can]")
    var speeds: String?
    @Option(
      name: .customLong("gflop-per-s"),
      help: "GEMM rate that the fastest local host plays. [default: a fifth of what is left of this machine for each]")
    var gflopPerS: Double?
    @Option(help: "A running host as NAME,tcp://HOST:PORT,PUBLICKEY; one for each host of --cluster, by its name.")
    var host: [String] = []
    @Option(help: "YAML file of the hosts' speeds, links and slots (Deploy/config/placement-cluster.yaml).")
    var cluster: String?
    @Option(help: "State directory whose key expert-hub remote hosts let in; made when it is not there.")
    var state = ProcessInfo.processInfo.environment["APUS_STATE"] ?? ".apus"
    @Option(help: "Expert copies of each layer that a local host has room for. [default: all experts]") var slots: Int?
    @Option(
      help: "Strategies to measure, separated by commas; recommended is the one foreseen to be fastest.")
    var strategies = "linear,recommended"
    @Option(help: "Tokens that pass a layer together; several separated by commas.") var batch = "128"
    @Option(help: "Batches measured for each plan and batch size, in every layer.") var rounds = 10
    @Option(help: "Use only the first mixture-of-experts layers. [default: all]") var layers: Int?
    @Option(
      help: "Replay the expert ids of a trace, one byte each: [layer][token][top-k]. [default: the model's router]")
    var trace: String?
    @Option(help: "Layers of the trace.") var traceLayers: Int?
    @Option(help: "Experts for each token of the trace. [default: the model's]") var traceTopK: Int?
    @Option(name: .customLong("hedge-after-ms"), help: "Ask replicas of hosts that did not answer for so long.")
    var hedgeAfterMS: Int?
    @Option(name: .customLong("deadline-s"), help: "Seconds after which a batch fails.") var deadlineS = 120
    @Option(help: "Add what was measured to this file, for `recommend --trials` to learn from.") var trials: String?
    @Option(help: "Seed of the rows.") var seed: UInt64 = 1
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
      guard (localHosts == nil) != host.isEmpty else { throw ValidationError("give either --local-hosts or --host") }
      guard host.isEmpty || cluster != nil else { throw ValidationError("--host needs --cluster") }
      guard localHosts == nil || cluster == nil else { throw ValidationError("--cluster goes with --host") }
      guard (1...64).contains(localHosts ?? 1) else { throw ValidationError("--local-hosts is from 1 to 64") }
      guard (trace == nil) == (traceLayers == nil) else { throw ValidationError("--trace needs --trace-layers") }
      guard rounds > 0, deadlineS > 0, hedgeAfterMS ?? 1 > 0, layers ?? 1 > 0, gflopPerS ?? 1 > 0 else {
        throw ValidationError("--rounds, --deadline-s, --hedge-after-ms, --layers and --gflop-per-s are above 0")
      }
    }

    func run() async throws {
      let file = try MoEModelFile(path: model)
      guard layers ?? 1 <= file.layerCount else {
        throw ApusError(.usage, "--layers \(layers ?? 0) of a model with \(file.layerCount)")
      }
      let used = 0..<(layers ?? file.layerCount)
      let batchSizes = try numbers(batch, "--batch")
      for name in names where name != Self.recommended { _ = try PlacementStrategies.named(name) }
      let batches = try TrialBatches(model: file, layers: used, trace: try recorded(file), seed: seed)
      let hosts = try await BenchmarkHosts(self, file)
      defer { hosts.stop() }
      var options = ExpertHubOptions(keys: hosts.hubKeys, hosts: hosts.addresses)
      options.deadline = .seconds(deadlineS)
      options.hedgeAfter = hedgeAfterMS.map { .milliseconds($0) }
      let hub = try ExpertHub(model: file, options: options)
      defer { hub.close() }
      try await hub.connect()
      let calibration = try await batches.calibration(tokenCount: max(1024, batchSizes.max() ?? 1))
      let startedAt = Int(Date().timeIntervalSince1970)
      var results: [PlacementBenchmarkRow] = []
      for size in batchSizes {
        let problem = try PlacementProblem(
          trace: calibration, cluster: hosts.cluster, geometry: file.geometry, batchTokens: size)
        let candidates = try plans(problem)
        guard let first = candidates.first else { throw ApusError(.usage, "--strategies names none") }
        var baseline: PlacementBenchmarkRow?
        for candidate in candidates {
          // Every move is from the first plan, so that their costs compare.
          try await hub.place(first.plan, layers: used)
          let move = try await hub.place(candidate.plan, layers: used)
          if !json { Console.note("measuring \(candidate.strategy) with \(size) tokens") }
          let trial = try await PlacementRun(
            on: hub, hostCount: hosts.cluster.hostCount, batches: batches, batchTokens: size, rounds: rounds)
          let row = PlacementBenchmarkRow(
            planned: candidate, trial: trial, move: move, memoryBytes: await hub.loadedBytes(), layers: used.count,
            baseline: baseline?.trial)
          baseline = baseline ?? row
          results.append(row)
          if let trials {
            try PlacementTrialFile.append(
              candidate, of: problem, problem: "\(file.path) \(size) \(seed) \(startedAt)", seconds: trial.meanSeconds,
              to: trials)
          }
        }
      }
      Console.print(
        json
          ? PlacementBenchmarkOutput.json(results, hosts).text
          : PlacementBenchmarkOutput.text(results, hosts))
    }

    private func recorded(_ file: MoEModelFile) throws(ApusError) -> RoutingTrace? {
      guard let trace, let traceLayers else { return nil }
      return try RoutingTraceFile.read(
        path: trace, layerCount: traceLayers, topK: traceTopK ?? file.topK, expertCount: file.expertCount)
    }

    private static let recommended = "recommended"
    private var names: [String] { strategies.split(separator: ",").map(String.init) }

    /// In the order named.
    private func plans(_ problem: PlacementProblem) throws(ApusError) -> [PlannedPlacement] {
      var planned: [PlannedPlacement] = []
      for name in names {
        if name == Self.recommended {
          let ranking = try PlacementRanking(
            problem, strategies: PlacementStrategies.all, selector: PlacementTrialFile.selector(path: nil),
            plannedLoad: nil, remaining: 0)
          guard let best = ranking.planned.first else { throw ApusError(.bug, "no strategy plans this problem") }
          planned.append(best)
        } else {
          planned.append(try PlannedPlacement(try PlacementStrategies.named(name), problem))
        }
      }
      return planned
    }

    func numbers(_ text: String, _ option: String) throws(ApusError) -> [Int] {
      var numbers: [Int] = []
      for word in text.split(separator: ",") {
        guard let number = Int(word), (1...65_536).contains(number) else {
          throw ApusError(.usage, "\(option) \(word) is not from 1 to 65536", advice: "write it like 128,2048")
        }
        numbers.append(number)
      }
      return numbers
    }
  }
}
