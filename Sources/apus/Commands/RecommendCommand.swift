import Acceleration
import ArgumentParser
import Engines
import Foundation
import Messaging
import Serving

/// `apus recommend`: which strategy, on which node, and why.
struct RecommendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recommend", abstract: "Say which acceleration to use for a model and a workload.",
    discussion: """
      --emit prints what to run instead: the engine's own command line and environment for the recommended strategy (the
      engine's default where nothing is known to beat it), as the chosen worker itself would start it. It is that \
      worker's to run: paths of the engine and of the model are those of its machine, absolute, and nothing is left to \
      fill in, but for two names in capitals in a Kubernetes manifest. The engine listens on 127.0.0.1 (in a manifest on \
      0.0.0.0), without Apus's limits around it.
      """)
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
  @Flag(help: "Show the strategies that no other one beats in all of --over.") var pareto = false
  @Option(
    help: ArgumentHelp(
      "With --pareto: what to weigh, separated by commas: \(FrontAxis.allCases.map(\.rawValue).joined(separator: ", ")). "
        + "[default: \(FrontAxis.usual.map(\.rawValue).joined(separator: ","))]",
      valueName: "figures"))
  var over: String?
  @Option(help: "Print the launch of the recommended strategy as command, systemd or k8s.") var emit: String?
  @Option(help: "With --emit: the port the engine listens on. [default: 8080]") var port: Int?
  @Option(help: "With --emit: the address the engine listens on. [default: 127.0.0.1; 0.0.0.0 for k8s]")
  var listen: String?
  @Option(help: "With --emit: tokens of context of each slot. [default: what the workload needs]") var context: Int?

  func run() async throws {
    guard (1...1000).contains(top) else { throw ApusError(.usage, "--top \(top) is not between 1 and 1000") }
    let objective = try QueryOptions.objective(objective)
    let format = try emitFormat()
    let axes = try over.map(QueryOptions.axes) ?? FrontAxis.usual
    guard pareto || over == nil else {
      throw ApusError(.usage, "--over \(over ?? "") without --pareto", advice: "add --pareto")
    }
    var limits = Limits(
      slos: try QueryOptions.slos(slo), memoryBytes: try QueryOptions.bytes(maxMemory, option: "--max-memory"),
      allowsApproximate: approximate, maxQualityLoss: try QueryOptions.qualityLoss(maxQualityLoss))
    if pareto, axes.contains(.quality), limits.maxQualityLoss == nil {
      // Whatever was measured is weighed; what nobody measured may lose anything.
      limits.maxQualityLoss = QueryOptions.anyLoss
    }
    let shape = try Reference.workload(workload)
    let client = try await options.connect()
    let profile = try await Reference.model(model, client)
    var query = RecommendQuery(
      model: profile.id, workload: shape, objective: objective, limits: limits, inFull: pareto, explains: explain)
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
    if let format {
      try await emit(format, recommendation, profile, shape, client)
      return
    }
    let names = options.json ? [:] : try await Reference.modelNames(client)
    await client.close()
    if pareto {
      let front = ParetoFront(recommendation.candidates, axes: axes)
      Console.print(
        options.json
          ? ParetoOutput.json(front, of: recommendation).text
          : ParetoOutput.text(front, of: recommendation, modelNames: names))
    } else {
      Console.print(
        options.json
          ? RecommendationOutput.json(recommendation, top: top).text
          : RecommendationOutput.text(recommendation, top: top, explain: explain, modelNames: names))
    }
    if recommendation.choice == nil { throw nothing(recommendation) }
  }

  private func nothing(_ recommendation: Recommendation) -> ApusError {
    ApusError(
      .unavailable, "nothing can run within the limits" + (recommendation.refusal.map { ": \($0)" } ?? ""),
      advice: explain ? "allow more, or another node" : "see all of it with --explain")
  }

  private func emitFormat() throws(ApusError) -> LaunchFormat? {
    if let port { try NumberRange.check("--port", port, 1...65535) }
    if let context, context < 1 { throw ApusError(.usage, "--context \(context) is not at least 1") }
    guard let emit else {
      let idle = [("--port", port != nil), ("--listen", listen != nil), ("--context", context != nil)].first(where: \.1)
      if let idle { throw ApusError(.usage, "\(idle.0) is of no use without --emit", advice: "leave it out") }
      return nil
    }
    guard let format = LaunchFormat(rawValue: emit) else {
      throw ApusError(
        .usage, "--emit \(emit) is not known",
        advice: "one of " + LaunchFormat.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return format
  }

  /// Has the chosen worker spell its launch out, and prints it.
  private func emit(
    _ format: LaunchFormat, _ recommendation: Recommendation, _ model: ModelProfile, _ workload: Workload,
    _ client: CoordinatorClient
  ) async throws {
    guard let choice = recommendation.choice else { throw nothing(recommendation) }
    let configuration = choice.candidate.configuration
    let query = LaunchQuery(
      model: model.id, configuration: configuration,
      contextTokens: context ?? MemoryEstimate.contextTokens([workload]),
      host: listen ?? (format == .k8s ? "0.0.0.0" : "127.0.0.1"), port: port ?? 8080)
    guard case .launch(let launch) = try await client.ask(.planLaunch(choice.worker, query)) else {
      throw ApusError(.bug, "the coordinator answered a question for a launch with something else")
    }
    await client.close()
    let text = LaunchDocument(
      launch: launch, configuration: configuration, model: model.name, worker: choice.worker
    ).text(format)
    Console.note("\(configuration.label) on \(choice.worker) (\(recommendation.decision.rawValue))")
    if options.json {
      Console.print(
        JSONValue.object([
          ("format", .string(format.rawValue)), ("node", .string(choice.worker.rawValue)),
          ("strategy", .string(configuration.fingerprint)), ("memory_bytes", .int(launch.memoryBytes)),
          ("text", .string(text)),
        ]).text)
    } else {
      Console.write(text)
    }
  }
}
