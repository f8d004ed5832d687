import ArgumentParser
import ExpertPlacement
import PlacementSelection
import Serving

extension PlacementCommand {
  /// `apus placement recommend`: all strategies, the bounds, and whether leaving the plan in use pays.
  struct RecommendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "recommend", abstract: "Plan with every strategy and say which to use.",
      discussion: """
        Ranked by the expected time of a layer, or, where hosts or model are not known, by balancedness. With --history or --trials \
        the times are corrected by what was learned from measured placements. With --current the answer is to keep that plan \
        unless the batches that are left repay the move, and it is said whether its load has drifted. Strategies that \
        need more than the input has come last, with what they need.
        """)

    @OptionGroup var input: PlacementInput
    @Option(help: "The plan in use, a file of plan --output.") var current: String?
    @Option(help: "Batches that are left to compute, which a move has to repay.") var remaining = 100_000
    @Option(
      help: "A coordinator's history (history.sqlite in its state directory) whose measured placements to learn from.")
    var history: String?
    @Option(help: "Measured placements, JSON lines, to learn from.") var trials: String?
    @Option(help: "Write the recommended plan to this file.") var output: String?
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
      guard remaining >= 0 else { throw ValidationError("--remaining \(remaining) is below 0") }
    }

    func run() async throws {
      let file = try current.map { path throws(ApusError) in try PlacementPlanFile.read(path: path) }
      let problem = try input.problem(current: file?.plan())
      if let file, file.hosts.map(\.name) != problem.cluster.hosts.map(\.name) {
        throw ApusError(
          .badInput, "the plan in use is for the hosts \(file.hosts.map(\.name).joined(separator: ", "))",
          advice: "describe the same hosts in the same order, or leave out --current")
      }
      let ranking = try PlacementRanking(
        problem, strategies: input.strategies(),
        selector: try await PlacementEvidence.selector(trials: trials, history: history),
        plannedLoad: file?.plannedLoad(), remaining: Double(remaining))
      if let output, let best = ranking.recommended {
        try PlacementPlanFile(best.plan, strategy: best.strategy, for: problem).write(path: output)
      }
      Console.print(json ? PlacementOutput.json(ranking).text : PlacementOutput.text(ranking))
    }
  }
}
