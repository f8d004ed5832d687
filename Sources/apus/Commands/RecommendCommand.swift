import ArgumentParser
import Foundation
import Messaging
import Serving

/// `apus recommend`: which strategy, on which node, and why.
struct RecommendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recommend", abstract: "Say which acceleration to use for a model and a workload.")
  @OptionGroup var options: ClientOptions

  @Option(help: "A model's registered name or the path of its file.") var model: String
  @Option(help: "\(Workload.builtIn.map(\.name).joined(separator: ", ")) or a YAML file.") var workload: String
  @Option(help: "A worker's name, or a YAML profile of a machine nobody has measured.") var hardware: String?
  @Option(help: "\(Objective.allCases.map(\.rawValue).joined(separator: ", ")).") var objective = "e2e"
  @Option(help: "A limit such as 'ttft:p99<=500ms'; may be repeated.") var slo: [String] = []
  @Option(help: "Most memory the engine may take, such as 4G.") var maxMemory: String?
  @Flag(help: "Consider methods that may change the output, whatever they lose.") var approximate = false
  @Option(
    help: ArgumentHelp(
      "Allow methods that may change the output if they were measured to lose at most so many nats per token.",
      valueName: "nats"))
  var maxQualityLoss: Double?
  @Option(help: "Show so many candidates, 1 to 1000.") var top = 5
  @Flag(help: "Say why, and why not the others.") var explain = false

  func run() async throws {
    guard (1...1000).contains(top) else { throw ApusError(.usage, "--top \(top) is not between 1 and 1000") }
    let objective = try QueryOptions.objective(objective)
    let limits = Limits(
      slos: try QueryOptions.slos(slo), memoryBytes: try QueryOptions.bytes(maxMemory, option: "--max-memory"),
      allowsApproximate: approximate, maxQualityLoss: try QueryOptions.qualityLoss(maxQualityLoss))
    let shape = try Reference.workload(workload)
    let client = try await options.connect()
    let profile = try await Reference.model(model, client)
    var query = RecommendQuery(model: profile.id, workload: shape, objective: objective, limits: limits)
    if let hardware {
      if FileManager.default.fileExists(atPath: hardware) {
        query.hardware = try HardwareFile.read(path: hardware)
      } else {
        query.worker = WorkerName(hardware)
      }
    }
    guard case .recommendation(let recommendation) = try await client.ask(.recommend(query)) else {
      throw ApusError(.bug, "the coordinator answered a recommendation with something else")
    }
    await client.close()
    Console.print(
      options.json
        ? RecommendationOutput.json(recommendation, top: top).text
        : RecommendationOutput.text(recommendation, top: top, explain: explain))
  }
}
