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
        other, and compares what the hosts computed. Either asks a coordinator for its workers (--live), one of which is then \
        the hub; or starts hosts on this machine (--local-hosts), which play machines of unequal speed by sleeping; or uses \
        hosts started with `apus placement host` (--host with --cluster). What live workers did goes into the history.
        """)

    @OptionGroup var client: ClientOptions
    @Option(help: "GGUF mixture-of-experts model: a file, or with --live also a registered name or its SHA-256.")
    var model: String
    @Flag(help: "Measure on the workers of a coordinator that have the model, under one lease for all of them.")
    var live = false
    @Option(help: "With --live: only this worker; may be repeated, the first is the hub. [default: all that can]")
    var worker: [String] = []
    @Option(help: "Hosts to start on this machine.") var localHosts: Int?
    @Option(help: "Relative speeds that local hosts play, such as 8:4:2:1. [default: all as fast as they can]")
    var speeds: String?
    @Option(
      name: .customLong("gflop-per-s"),
      help: "GEMM rate that the fastest local host plays. [default: so that all play a fifth of this machine]")
    var gflopPerS: Double?
    @Option(help: "A running host as NAME,tcp://HOST:PORT,PUBLICKEY; one for each host of --cluster, by its name.")
    var host: [String] = []
    @Option(help: "YAML file of the hosts' speeds, links and slots (Deploy/config/placement-cluster.yaml).")
    var cluster: String?
    @Option(help: "Expert copies of each layer that a local host has room for. [default: all experts]") var slots: Int?
    @Option(
      help:
        "Strategies to measure, separated by commas; recommended is the winner of a race of the three foreseen to be fastest."
    )
    var strategies = "linear,\(PlacementBenchmarkSpec.recommended)"
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
    @Option(
      help: "Learn from the measured placements of this file, where it is there, and add what is measured now.")
    var trials: String?
    @Option(help: "Seed of the rows.") var seed: UInt64 = 1

    func validate() throws {
      guard [live, localHosts != nil, !host.isEmpty].filter({ $0 }).count == 1 else {
        throw ValidationError("give one of --live, --local-hosts and --host")
      }
      guard host.isEmpty == (cluster == nil) else { throw ValidationError("--host and --cluster go together") }
      guard live || worker.isEmpty else { throw ValidationError("--worker goes with --live") }
      guard (1...64).contains(localHosts ?? 1) else { throw ValidationError("--local-hosts is from 1 to 64") }
      guard (trace == nil) == (traceLayers == nil) else { throw ValidationError("--trace needs --trace-layers") }
      guard rounds > 0, deadlineS > 0, hedgeAfterMS ?? 1 > 0, layers ?? 1 > 0, gflopPerS ?? 1 > 0 else {
        throw ValidationError("--rounds, --deadline-s, --hedge-after-ms, --layers and --gflop-per-s are above 0")
      }
    }

    func run() async throws {
      let result = live ? try await LivePlacementBenchmark(self).run() : try await measureOnHosts()
      Console.print(
        client.json ? PlacementBenchmarkOutput.json(result).text : PlacementBenchmarkOutput.text(result))
    }

    private func measureOnHosts() async throws -> PlacementBenchmarkResult {
      let file = try MoEModelFile(path: model)
      let spec = try spec(model: ModelID(file.path), topK: file.topK)
      // What cannot be measured is said before a host is started.
      let equal = try PlacementCluster.equal(hostCount: 1, slotCount: file.expertCount)
      _ = try PlacementBenchmark(spec, hub: Self.localHub, model: file, cluster: equal)
      let hosts = try await BenchmarkHosts(self, file)
      defer { hosts.stop() }
      var options = ExpertHubOptions(keys: hosts.hubKeys, hosts: hosts.addresses)
      options.deadline = .seconds(deadlineS)
      options.hedgeAfter = hedgeAfterMS.map { .milliseconds($0) }
      let hub = try ExpertHub(model: file, options: options)
      defer { hub.close() }
      try await hub.connect()
      let known = trials.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
      let benchmark = try PlacementBenchmark(
        spec, hub: Self.localHub, model: file, cluster: hosts.cluster,
        selector: try await PlacementEvidence.selector(trials: known, history: nil))
      let collected = PlacementNewsCollector(showsSteps: !client.json, trials: trials)
      try await benchmark.run(on: hub) { await collected.take($0) }
      return try await collected.result(hosts: hosts.cluster.hosts, isEmulated: hosts.isEmulated)
    }

    private static let localHub = WorkerName("local")

    /// - Parameter topK: of the model, for a trace that does not say.
    func spec(model: ModelID, topK: Int) throws(ApusError) -> PlacementBenchmarkSpec {
      var routing: RecordedRouting?
      if let trace, let traceLayers {
        let topK = traceTopK ?? topK
        let bytes = try RoutingTraceFile.bytes(path: trace)
        routing = RecordedRouting(layerCount: traceLayers, topK: topK, experts: bytes)
      }
      return PlacementBenchmarkSpec(
        id: .random("placements"), model: model, workers: worker.map { WorkerName($0) },
        strategies: strategies.split(separator: ",").map(String.init), batchSizes: try numbers(batch, "--batch"),
        rounds: rounds, layerCount: layers, routing: routing, seed: seed, hedgeAfterMS: hedgeAfterMS,
        deadlineSeconds: deadlineS)
    }

    private func numbers(_ text: String, _ option: String) throws(ApusError) -> [Int] {
      var numbers: [Int] = []
      for word in text.split(separator: ",") {
        guard let number = Int(word), (1...PlacementBenchmarkSpec.batchLimit).contains(number) else {
          throw ApusError(
            .usage, "\(option) \(word) is not from 1 to \(PlacementBenchmarkSpec.batchLimit)",
            advice: "write it like 128,2048")
        }
        numbers.append(number)
      }
      return numbers
    }
  }
}
