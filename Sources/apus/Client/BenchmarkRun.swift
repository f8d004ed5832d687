import Foundation
import Messaging
import Serving

/// Runs a benchmark on a coordinator and shows its progress on one line.
struct BenchmarkRun {
  var client: CoordinatorClient
  var spec: BenchmarkSpec

  func run() async throws -> BenchmarkSummary {
    let progress = ProgressLine()
    for try await answer in await client.answers(to: .benchmark(spec)) {
      switch answer {
      case .benchmarkProgress(let state):
        let clock = Figures.seconds(state.elapsedSeconds)
        progress.update(
          "\(ProgressLine.bar(state.completedBlocks, of: state.plannedBlocks)) \(state.completedBlocks)/\(state.plannedBlocks) "
            + "\(clock) \(state.phase): \(state.latest)", atSeconds: state.elapsedSeconds)
      case .benchmarkEnded(let summary):
        let outcomes = summary.outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        progress.finish(
          "\(summary.measurementCount) measurements in \(Figures.seconds(summary.elapsedSeconds)) (\(outcomes.joined(separator: ", ")))"
            + (summary.wasCutShort ? ", cut short by the budget" : ""))
        return summary
      default:
        throw ApusError(.bug, "the coordinator answered a benchmark with something else")
      }
    }
    throw ApusError(.unavailable, "the coordinator stopped answering before the benchmark ended")
  }
}
