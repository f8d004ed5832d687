import Foundation
import Messaging
import Serving

/// Runs a benchmark on a coordinator and shows its progress on one line.
struct BenchmarkRun {
  var client: CoordinatorClient
  var spec: BenchmarkSpec

  /// - Parameter begun: called once the coordinator has taken it up.
  /// - Returns: what was found, and why that is nothing where no trial succeeded.
  func run(
    begun: () throws -> Void = {}
  ) async throws -> (summary: BenchmarkSummary, failure: ApusError?) {
    let progress = ProgressLine()
    var hasBegun = false
    var latest = ""
    for try await answer in await client.answers(to: .benchmark(spec)) {
      switch answer {
      case .benchmarkProgress(let state):
        if !hasBegun { try begun() }
        hasBegun = true
        latest = state.latest
        let clock = Figures.seconds(state.elapsedSeconds)
        progress.update(
          "\(ProgressLine.bar(state.completedBlocks, of: state.plannedBlocks)) \(state.completedBlocks)/\(state.plannedBlocks) "
            + "\(clock) \(state.phase): \(state.latest)", atSeconds: state.elapsedSeconds)
      case .benchmarkEnded(let summary):
        let outcomes = summary.outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        let failure = Self.failure(summary, latest)
        progress.finish(
          "\(summary.measurementCount) measurements in \(Figures.seconds(summary.elapsedSeconds)) (\(outcomes.joined(separator: ", ")))"
            + (summary.wasCutShort && failure == nil ? ", cut short by the budget" : ""))
        return (summary, failure)
      default:
        throw ApusError(.bug, "the coordinator answered a benchmark with something else")
      }
    }
    throw ApusError(.unavailable, "the coordinator stopped answering before the benchmark ended")
  }

  private static func failure(_ summary: BenchmarkSummary, _ latest: String) -> ApusError? {
    guard summary.measurementCount > 0, (summary.outcomes["completed"] ?? 0) == 0 else { return nil }
    return ApusError(
      .unavailable, "none of \(summary.measurementCount) trials succeeded; the last: \(latest)",
      advice: "mend what its engine says (the worker's log has more), and run it again")
  }
}
