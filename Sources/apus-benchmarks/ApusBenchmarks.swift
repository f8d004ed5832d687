import ArgumentParser
import Foundation
import Serving

/// The figures the project shows, each measured by one command that says how.
///
/// Build with `-c release` and run on a machine that does nothing else: what other processes cost is seen in each
/// report's load average, and not taken off.
@main
struct ApusBenchmarks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus-benchmarks",
    abstract: "Measures what Apus itself costs, and prints how.",
    discussion: "Exit status 0 whether or not a target is met: the report says which are.",
    subcommands: [
      CoordinatorFigure.self, RecommendFigure.self, TTFTFigure.self, GatewayFigure.self, MemoryFigure.self,
      ForecastFigure.self, EnginesFigure.self, PlannersFigure.self, OnlineFigure.self, CoverageFigure.self,
    ]
      + [SoakFigure.self, PoisonFigure.self, PlacementFigure.self, ExpertsFigure.self]
      + [TrainingFigure.self, ScenarioFigure.self, LearnersFigure.self, ThroughputFigure.self]
      + [
        GridMeasuring.self, ServeCoordinator.self, ServeWorker.self, ServeGateway.self, ServeEcho.self,
        ServeScatter.self, ServeRelay.self,
      ])

  static func main() async {
    signal(SIGPIPE, SIG_IGN)  // a reader that goes away is an error of that write, not the end of the process
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error as ApusError {
      FileHandle.standardError.write(Data("apus-benchmarks: \(error)\n".utf8))
      Foundation.exit(error.code.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}
