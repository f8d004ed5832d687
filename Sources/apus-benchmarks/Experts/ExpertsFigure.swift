import ArgumentParser
import Engines
import ExpertExecution
import ExpertPlacement
import Foundation
import Messaging
import Serving

/// Placed experts over the real transport: what the executor costs beside the computing, and what a recommended placement
/// gains on unequal hosts.
struct ExpertsFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "experts",
    abstract: "Experts on four hosts over CURVE: overhead against plain C, recommended placement against linear.")

  @Option(help: "GGUF mixture-of-experts model.") var model = ".apus/models/moe-q8_0.gguf"
  @Option(help: "Tokens that pass the layer together.") var batch = 2048
  @Option(help: "Batches of each run of executor and yardstick.") var rounds = 9
  @Option(help: "Runs of executor and yardstick, in turns.") var turns = 5
  @Option(help: "Batches of each plan for the gain; hosts sleep, so these are nearly alike.") var gainRounds = 3
  @Option(help: "Relative speeds that the hosts play for the gain.") var speeds = "8:4:2:1"
  @Flag(help: "Print one JSON object.") var json = false

  private static let hostCount = 4
  /// The first is what the last, the winner of the race, is compared with. Each further strategy takes four batches of the
  /// slowest plan.
  private static let strategies = "linear,recommended"

  private static var decoder: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }

  func validate() throws {
    guard batch > 0, rounds > 0, turns > 0, gainRounds > 0 else { throw ValidationError("every count is at least 1") }
  }

  func run() async throws {
    var report = FigureReport(figure: "experts", method: [])
    let file = try MoEModelFile(path: model)
    var ratios: [Double] = []
    var executor: [Double] = []
    var plain: [Double] = []
    for _ in 0..<turns {
      let trial = try await passingTrial(file)
      let own = trial.seconds(\.totalSeconds, at: 0.5)
      let yardstick = Percentiles(
        try await ScatterRun(hostCount: Self.hostCount, parts: parts(trial, file), rounds: rounds).run()
      ).p50
      executor.append(own)
      plain.append(yardstick)
      ratios.append(own / yardstick)
    }
    report.add("executor_over_c", "executor / plain C", Percentiles(ratios).p50, "x", target: 1.5)
    report.add("executor_over_c_least", "  least of the turns", Percentiles(ratios).least, "x")
    report.add("executor_over_c_most", "  most of the turns", Percentiles(ratios).most, "x")
    report.add("executor_ms", "executor, a batch", Percentiles(executor).p50 * 1e3, "ms")
    report.add("plain_c_ms", "plain C, a batch", Percentiles(plain).p50 * 1e3, "ms")
    let gain = try await measuredGain()
    report.add("speedup", "\(gain.strategy) over linear", gain.speedup, "x", floor: 3)
    report.add("linear_p50_ms", "  linear, a layer", gain.linearMS, "ms")
    report.add("recommended_p50_ms", "  \(gain.strategy), a layer", gain.recommendedMS, "ms")
    report.add(
      "recommended_over_predicted", "  measured / foreseen", gain.recommendedOverPredicted, "x", target: 1.15,
      floor: 0.85)
    report.add(
      "linear_over_predicted", "  linear, measured / foreseen", gain.linearOverPredicted, "x", target: 1.15,
      floor: 0.85)
    report.add(
      "least_over_predicted", "  of \(gain.planCount) plans, least measured / foreseen", gain.overPredicted.lowerBound,
      "x",
      floor: 0.85)
    report.add(
      "most_over_predicted", "  of \(gain.planCount) plans, most measured / foreseen", gain.overPredicted.upperBound,
      "x",
      target: 1.15)
    report.add("unemulated", "  computations slower than the machine played", gain.unemulated, "", target: 0)
    report.add("relative_difference", "  results differ by", gain.relativeDifference, "", target: 1e-3)
    report.method = [
      "one layer of \(model) (\(file.hiddenSize) x \(file.intermediateSize), \(file.expertCount) experts, top-\(file.topK)), "
        + "\(batch) seeded rows routed by the model's router, \(Self.hostCount) host processes over TCP on the loopback "
        + "interface with CURVE",
      "executor against plain C: hosts give rows back uncomputed; the C program (Sources/CEchoBenchmark/scatter.c) sends "
        + "messages of the same sizes, which its hosts keep until a batch is whole and give back; it neither routes, converts "
        + "to half precision nor adds up, which the executor does; \(turns) turns of \(rounds) batches each, medians of p50",
      "gain: `apus placement benchmark --local-hosts \(Self.hostCount) --speeds \(speeds) --rounds \(gainRounds) --strategies \(Self.strategies)`: hosts compute, and then sleep until "
        + "the machine they play would have been done, at least five times slower than this one",
    ]
    report.print(asJSON: json)
  }

  // MARK: Overhead

  private func passingTrial(_ file: MoEModelFile) async throws -> PlacementRun {
    let keys = KeyPair.generate()
    var services: [ChildService] = []
    var addresses: [ExpertHostAddress] = []
    struct Introduction: Decodable {
      var address: String
      var publicKey: String
    }
    for index in 0..<Self.hostCount {
      let service = try ChildService.start([
        ChildService.program("apus"), "placement", "host", "--model", model, "--hub-key=\(keys.publicKey)", "--passing",
        "--until-input-closes",
      ])
      services.append(service)
      let said = try Self.decoder.decode(Introduction.self, from: Data(try await service.nextLine().utf8))
      addresses.append(
        ExpertHostAddress(name: "host-\(index)", address: said.address, publicKey: said.publicKey))
    }
    let hub = try ExpertHub(model: file, options: ExpertHubOptions(keys: keys, hosts: addresses))
    try await hub.connect()
    let batches = try TrialBatches(model: file, layers: 0..<1)
    let problem = try PlacementProblem(
      trace: try await batches.calibration(tokenCount: batch),
      cluster: try .equal(hostCount: Self.hostCount, slotCount: file.expertCount))
    try await hub.place(try PlacementStrategies.named("linear").plan(problem), layers: 0..<1)
    let trial = try await PlacementRun(
      on: hub, hostCount: Self.hostCount, batches: batches, batchTokens: batch, rounds: rounds)
    hub.close()
    for service in services { await service.stop() }
    return trial
  }

  /// The messages of the trial's last batch.
  private func parts(_ trial: PlacementRun, _ file: MoEModelFile) -> [ScatterRun.Part] {
    let rowBytes = MessageParts.rowBytes(hiddenSize: file.hiddenSize, topK: file.topK)
    return (trial.timings.last?.hosts ?? []).flatMap { host in
      let ranges = MessageParts.ranges(rowCount: host.rows, rowBytes: rowBytes)
      return ranges.map { rows in
        let pairs = host.pairs * rows.count / host.rows
        return ScatterRun.Part(
          host: host.host, isLast: rows.upperBound == host.rows, rows: rows.count * file.hiddenSize * 2,
          extras: [pairs * 4, pairs * 2, pairs * 4])
      }
    }
  }

  // MARK: Gain

  private struct Gain {
    var strategy: String
    var speedup: Double
    var linearMS: Double
    var recommendedMS: Double
    var recommendedOverPredicted: Double
    var linearOverPredicted: Double
    /// Of all plans that were measured.
    var planCount: Int
    var overPredicted: ClosedRange<Double>
    var relativeDifference: Double
    var unemulated: Double
  }

  private struct Printed: Decodable {
    struct Placement: Decodable {
      var strategy: String
      var layerP50Ms: Double
      var measuredOverPredicted: Double?
      var speedup: Double?
      var relativeDifference: Double?
      var unemulatedComputations: Int?
    }
    var placements: [Placement]
  }

  /// By the command that a user runs.
  private func measuredGain() async throws -> Gain {
    let file = FileManager.default.temporaryDirectory.path + "/apus-placements-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: file) }
    // To a file: its one line is longer than those that are kept of a service.
    let process = try ChildProcess.spawn(
      ChildProcess.Plan(
        [
          ChildService.program("apus"), "placement", "benchmark", "--model", model, "--local-hosts",
          "\(Self.hostCount)", "--speeds", speeds, "--batch", "\(batch)", "--layers", "1", "--rounds", "\(gainRounds)",
          "--strategies", Self.strategies, "--json",
        ], output: .file(file), error: .inherited))
    let ending = await process.end()
    guard case .exited(0) = ending else {
      throw ApusError(
        .unavailable, "apus placement benchmark ended with \(ending)", advice: "its own error is printed above")
    }
    let text = try Data(contentsOf: URL(fileURLWithPath: file))
    let placements = try Self.decoder.decode(Printed.self, from: text).placements
    let ratios = placements.compactMap(\.measuredOverPredicted)
    guard let linear = placements.first, let best = placements.last, let speedup = best.speedup,
      ratios.count == placements.count, let least = ratios.min(), let most = ratios.max()
    else { throw ApusError(.bug, "apus placement benchmark printed \(String(decoding: text, as: UTF8.self))") }
    return Gain(
      strategy: best.strategy, speedup: speedup, linearMS: linear.layerP50Ms, recommendedMS: best.layerP50Ms,
      recommendedOverPredicted: ratios[ratios.count - 1], linearOverPredicted: ratios[0], planCount: ratios.count,
      overPredicted: least...most, relativeDifference: placements.compactMap(\.relativeDifference).max() ?? 0,
      unemulated: Double(placements.compactMap(\.unemulatedComputations).reduce(0, +)))
  }
}
