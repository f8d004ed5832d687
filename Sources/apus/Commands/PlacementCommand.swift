import ArgumentParser
import ExpertPlacement
import Foundation
import Serving

/// `apus placement`: which host has which experts of a mixture-of-experts model.
struct PlacementCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "placement", abstract: "Plan which host has which experts of a mixture-of-experts model.",
    subcommands: [PlanCommand.self, RankCommand.self])

  struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "plan", abstract: "Plan with one strategy and say what it is expected to do.",
      discussion: "What cannot be known from the input is null in the JSON object, and - in the text.")

    @Option(help: "\(PlacementStrategies.all.map(\.name).joined(separator: ", ")).") var strategy: String
    @OptionGroup var input: PlacementInput
    @Option(
      name: .customLong("evaluate"),
      help: "Another CSV of loads: how balanced the plan is for it.") var evaluated: String?
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
      Console.print(
        json
          ? PlacementOutput.json(planned, evaluation: evaluation).text
          : PlacementOutput.text(planned, evaluation: evaluation))
    }
  }

  struct RankCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "recommend", abstract: "Plan with every strategy and rank what they are expected to do.",
      discussion: """
        Ranked by the expected time of a layer, or, where hosts or model are not known, by balancedness. Strategies that \
        need more than the input has come last, with what they need.
        """)

    @OptionGroup var input: PlacementInput
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
      let problem = try input.problem()
      let ranking = PlacementRanking(problem, strategies: try input.strategies())
      Console.print(json ? PlacementOutput.json(ranking).text : PlacementOutput.text(ranking))
    }
  }
}
