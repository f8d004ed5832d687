import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

/// `apus placement`: which host has which experts of a mixture-of-experts model.
struct PlacementCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "placement", abstract: "Plan which host has which experts of a mixture-of-experts model.",
    subcommands: [
      PlanCommand.self, RecommendCommand.self, BenchmarkCommand.self, HostCommand.self, ShowCommand.self,
      ImportCommand.self, ExportCommand.self, ProfileCommand.self, CacheCommand.self,
    ])

  struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "plan", abstract: "Plan with one strategy and say what it is expected to do.",
      discussion: "What cannot be known from the input is null in the JSON object, and - in the text.")

    @Option(help: "\(PlacementStrategies.all.map(\.name).joined(separator: ", ")).") var strategy: String
    @OptionGroup var input: PlacementInput
    @Option(
      name: .customLong("evaluate"),
      help: "Other loads: how balanced the plan is for them.") var evaluated: String?
    @Option(help: "Write the plan to this file, for show, and for --current of recommend.") var output: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      let problem = try input.problem()
      let strategy = try input.strategy(named: strategy)
      let planned = try PlannedPlacement(strategy, problem)
      var evaluation: Balancedness?
      if let evaluated {
        let load = try ExpertLoadFile.read(path: evaluated)
        guard load.layerCount == problem.load.layerCount, load.expertCount == problem.load.expertCount else {
          throw ApusError(
            .badInput,
            "\(evaluated) has \(load.layerCount) layers x \(load.expertCount) experts, the plan \(problem.load.layerCount) x \(problem.load.expertCount)",
            advice: "evaluate with loads of the same model")
        }
        evaluation = Balancedness(planned.plan, load: load, cluster: problem.cluster)
      }
      if let output {
        try PlacementPlanFile(planned.plan, strategy: planned.strategy, for: problem).write(path: output)
      }
      Console.print(
        json
          ? PlacementOutput.json(planned, evaluation: evaluation).text
          : PlacementOutput.text(planned, evaluation: evaluation))
    }
  }

  struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "export", abstract: "Plan, and print the plan as an engine is told it.",
      discussion: PlacementExports.all.map { "\($0.name): \($0.summary)" }.joined(separator: "\n"))

    @Option(help: "\(PlacementExports.all.map(\.name).joined(separator: ", ")).") var format: String
    @Option(help: "\(PlacementStrategies.all.map(\.name).joined(separator: ", ")).") var strategy: String
    @OptionGroup var input: PlacementInput
    @Option(help: "The model's own number of the first layer of the input.") var firstLayer = 0

    func validate() throws {
      guard (0...4096).contains(firstLayer) else {
        throw ValidationError("--first-layer \(firstLayer) is not between 0 and 4096")
      }
    }

    func run() throws {
      let export = try PlacementExports.named(format)
      let problem = try input.problem()
      let planned = try PlannedPlacement(try input.strategy(named: strategy), problem)
      Console.print(try export.text(of: planned.plan, for: problem.cluster, firstLayer: firstLayer))
    }
  }
}
