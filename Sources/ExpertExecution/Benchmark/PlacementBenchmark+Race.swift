import ExpertPlacement
import Glibc
import Messaging
import PlacementSelection
import Serving

/// A few batches between the plans that are expected to be fastest.
extension PlacementBenchmark {
  /// What one entrant did.
  private struct Entry {
    var run: PlacementRun
    /// Seconds of a layer in each round.
    var seconds: [Double] = []
    var memoryBytes: [Int] = []
  }

  /// Plans with every strategy that can, and lets the best three race: in each round all that are still in compute the same
  /// batch, in an order that turns, and those clearly behind are out. The losers' batches are reported, too: they say which
  /// plan is better as well as any.
  ///
  /// Weights move before each batch of another plan, and one batch of the move's plan that is not counted takes what that left
  /// cold; a race so costs at most three times six moves.
  func raceWinner(
    _ problem: PlacementProblem, on hosts: ExpertHub, _ report: @escaping @Sendable (PlacementNews) async -> Void
  ) async throws(ApusError) -> PlannedPlacement {
    let planned = PlannedPlacement.all(PlacementStrategies.all, problem).planned
    guard !planned.isEmpty else { throw ApusError(.bug, "no strategy plans this problem") }
    var race = selector.race(try expectations(planned, problem), planned.map(\.plan))
    var entries = Dictionary(
      uniqueKeysWithValues: race.entrants.map {
        ($0, Entry(run: PlacementRun(hostCount: cluster.hostCount, batchTokens: problem.batchTokens)))
      })
    var round = 0
    while !race.nextRound.isEmpty {
      let entrants = race.nextRound
      // Not those that are measured afterwards.
      let batch = await batches.batch(spec.rounds + 1 + round, tokenCount: problem.batchTokens)
      for place in entrants.indices {
        let entrant = entrants[(place + round) % entrants.count]
        let plan = planned[entrant]
        await report(
          .step(PlacementStep(strategy: plan.strategy, batchTokens: problem.batchTokens, isRace: true)))
        try await reporting(plan, problem, report) { () async throws(ApusError) in
          try await hosts.place(plan.plan, layers: batches.layers)
          try await entries[entrant]!.run.pass(batch, through: batches.layers, on: hosts, counts: false)
          let seconds = try await entries[entrant]!.run.pass(batch, through: batches.layers, on: hosts)
          entries[entrant]!.seconds.append(seconds)
          entries[entrant]!.memoryBytes = await hosts.loadedBytes()
        }
      }
      race.record(entrants.map { entries[$0]!.seconds[round] })
      round += 1
    }
    try await tell(race, planned, entries, problem, report)
    return planned[race.winner]
  }

  /// Seconds of a layer, or, where hosts or model are not known, what is proportional to them for balanced computing.
  private func expectations(
    _ planned: [PlannedPlacement], _ problem: PlacementProblem
  ) throws(ApusError) -> [Double] {
    let features = planned.map { PlanFeatures($0.plan, for: problem) }
    guard !features.contains(nil) else { return planned.map { 1 / max($0.forecast.balancedness.mean, 1e-6) } }
    do {
      return try selector.seconds(features.compactMap { $0 })
    } catch {
      throw ApusError(.bug, "the learned part gave no times: \(error)")
    }
  }

  private func tell(
    _ race: PlacementRace, _ planned: [PlannedPlacement], _ entries: [Int: Entry], _ problem: PlacementProblem,
    _ report: (PlacementNews) async -> Void
  ) async throws(ApusError) {
    let winner = entries[race.winner]?.seconds ?? []
    for entrant in race.entrants where entrant != race.winner {
      guard let entry = entries[entrant], !entry.seconds.isEmpty else { continue }
      let figures = PlacementMeasurement.Figures(
        entry.run, of: planned[entrant], correction: try correction(planned[entrant], problem),
        memoryBytes: entry.memoryBytes, layerCount: batches.layers.count)
      await report(.measured(measurement(planned[entrant], problem, .completed(figures))))
    }
    await report(
      .raced(
        PlacementRaceResult(
          batchTokens: problem.batchTokens,
          entrants: race.entrants.map { entrant in
            let seconds = entries[entrant]?.seconds ?? []
            return PlacementRaceResult.Entrant(
              strategy: planned[entrant].strategy, rounds: seconds.count, ratio: Self.ratio(seconds, winner))
          }, winner: planned[race.winner].strategy)))
  }

  /// Geometric mean over the rounds that both have.
  private static func ratio(_ seconds: [Double], _ others: [Double]) -> Double {
    let logs = zip(seconds, others).map { log($0 / $1) }
    return logs.isEmpty ? 1 : exp(logs.reduce(0, +) / Double(logs.count))
  }
}
