import Glibc
import Selection
import Serving

/// One target on its way through a benchmark: its races, what they cost, and what came of them.
struct TargetPlan: Sendable {
  /// How far a second worker's ratios are from the first one's: about as far as repeats of another day.
  private static let workerDeviation = 0.15
  /// Of what beat the default on the first worker, how many open the second one's race.
  static let inheritedCount = 8
  /// Times a block may come without a pair before its configuration is left out: the objective has no value there.
  private static let fruitlessLimit = 2

  let target: PlannerTarget
  /// A further worker of a machine: begins with what the first one found.
  let isReduced: Bool
  var results: TargetResults
  var cost: BlockCost
  /// One for each of the benchmark's workloads; nil for a workload that is not measured here.
  private(set) var races: [Race?]
  private let workloads: [Workload]
  private var fruitless: [Cell: Int] = [:]
  private var pairCount = 0
  private var barrenTrials = 0
  /// Configurations the races were not told of yet.
  private var news: Set<EngineConfiguration> = []
  /// Trials it had, and the seconds they took, without the confirmation.
  var trialCount = 0
  var spentSeconds = 0.0
  /// The part of them that repeats took.
  var pairedSeconds = 0.0
  /// Whether its races are decided or its time is used.
  var hasRaced = false
  /// What the selector said, by workload shape.
  var recommendations: [String: Recommendation] = [:]
  /// Workloads (by shape) whose winner had its confirmation.
  var confirmed: Set<String> = []
  var interruptions = 0
  var isDropped = false

  private struct Cell: Hashable {
    var configuration: EngineConfiguration
    var shape: String
  }

  init(_ target: PlannerTarget, spec: BenchmarkSpec, options: Race.Options, isReduced: Bool) {
    self.target = target
    self.isReduced = isReduced
    workloads = spec.workloads
    results = TargetResults(objective: spec.objective, baseline: target.baseline.configuration)
    cost = BlockCost(model: target.model, hardware: target.hardware)
    races = spec.workloads.map { workload in
      target.startLists[workload.shape].map {
        Race(baseline: target.baseline, entrants: $0.entrants, openingCount: $0.openingCount, options: options)
      }
    }
  }

  var baseline: Candidate { target.baseline }

  /// Workloads that are measured here.
  var measuredWorkloads: [Workload] { zip(workloads, races).compactMap { $1 == nil ? nil : $0 } }

  /// Lets the races begin with what another worker's found: its best first, and its figures as foresight.
  mutating func inherit(_ other: TargetPlan, options: Race.Options) {
    for (place, workload) in workloads.enumerated() {
      guard let list = target.startLists[workload.shape], let race = other.races[place] else { continue }
      let standings = race.standings
      let known = Dictionary(
        standings.map { ($0.candidate.configuration, $0.belief) }, uniquingKeysWith: { first, _ in first })
      let drift = Self.workerDeviation * Self.workerDeviation
      let entrants = list.entrants.map { entrant in
        let belief = known[entrant.candidate.configuration]
        return Entrant(
          entrant.candidate,
          foreseen: belief.map { LogEstimate(mean: $0.mean, variance: $0.variance + drift) } ?? entrant.foreseen)
      }
      let own = Set(list.entrants.map(\.candidate.configuration))
      let best = standings.filter { $0.belief.mean > 0 }.map(\.candidate.configuration).filter(own.contains)
        .prefix(Self.inheritedCount)
      let inherited = StartList(entrants, portfolio: Array(best))
      races[place] = Race(
        baseline: baseline, entrants: inherited.entrants, openingCount: inherited.openingCount, options: options)
    }
    for configuration in results.inexact { demote(configuration) }
    // The races are new: whatever was measured before them is news.
    news.formUnion(measuredWorkloads.flatMap(results.configurations))
    refreshRaces()
  }

  mutating func record(_ measurement: Measurement) {
    results.record(measurement)
    if let metrics = measurement.outcome.metrics { cost.measured(measurement.workload, metrics) }
    news.insert(measurement.configuration)
  }

  /// A configuration of this model that should be exact was seen not to be, on whichever worker.
  mutating func noteInexact(_ configuration: EngineConfiguration) {
    results.noteInexact(configuration)
    demote(configuration)
  }

  private mutating func demote(_ configuration: EngineConfiguration) {
    for place in races.indices { races[place]?.demote(configuration) }
  }

  /// Tells the races what was measured since. After a trial, and not after each block: pairs come in any order.
  mutating func refreshRaces() {
    if news.remove(baseline.configuration) != nil {
      // A block of the default completes pairs of whoever ran in its round, also before it.
      news.formUnion(measuredWorkloads.flatMap(results.configurations))
      news.remove(baseline.configuration)
    }
    for (place, workload) in workloads.enumerated() where races[place] != nil {
      for configuration in news {
        races[place]!.record(configuration, results.ratios(configuration, workload, [.screening, .paired]))
        if results.broken.contains(configuration) { races[place]!.fail(configuration) }
      }
    }
    news = []
  }

  /// A trial of the races has run to its end.
  mutating func trialFinished(_ spec: TrialSpec) {
    trialCount += 1
    countFruitless(spec)
    let pairs = races.compactMap(\.self).reduce(0) { $0 + $1.pairCount }
    barrenTrials = pairs > pairCount ? 0 : barrenTrials + 1
    pairCount = pairs
  }

  /// Whether trial after trial gives no pair: the default itself does not run, and there is nothing to compare with.
  var isBarren: Bool { barrenTrials >= Self.fruitlessLimit }

  /// A block that keeps giving no pair (a latency between tokens where there is one token) is not asked for for ever.
  private mutating func countFruitless(_ spec: TrialSpec) {
    for (place, workload) in spec.workloads.enumerated() {
      guard let race = workloads.firstIndex(where: { $0.shape == workload.shape }), races[race] != nil else { continue }
      for candidate in spec.lineup(place).map({ spec.candidates[$0].configuration })
      where candidate != baseline.configuration
        && results.ratios(candidate, workload, [.screening, .paired]).count == 0
      {
        let cell = Cell(configuration: candidate, shape: workload.shape)
        fruitless[cell, default: 0] += 1
        if fruitless[cell]! >= Self.fruitlessLimit { races[race]!.fail(candidate) }
      }
    }
  }

  func race(_ workload: Workload) -> Race? {
    workloads.firstIndex { $0.shape == workload.shape }.flatMap { races[$0] }
  }

  /// The best exact candidate of the races, as far as it is worth a confirmation; nil when nothing was better than the
  /// default.
  ///
  /// One that only a first look saw (one pair) does not win over those that ran again: the best of many single looks is
  /// mostly luck.
  func leader(_ workload: Workload) -> (candidate: Candidate, speedup: Double)? {
    guard var standings = race(workload)?.standings.filter({ $0.candidate.fidelity == .exact }) else { return nil }
    if standings.contains(where: { $0.pairCount > 1 }) { standings.removeAll { $0.pairCount == 1 } }
    guard let best = standings.first, best.belief.mean >= Race.worthwhile else { return nil }
    return (best.candidate, exp(best.belief.mean))
  }

  /// The approximate candidate that was compared most and best; nil when none was measured.
  func bestApproximate(_ workload: Workload) -> (candidate: Candidate, speedup: Double)? {
    let standings = race(workload)?.standings.filter { $0.candidate.fidelity == .approximate } ?? []
    guard let best = standings.max(by: { ($0.pairCount, $0.belief.mean) < ($1.pairCount, $1.belief.mean) }),
      let speedup = results.ratios(best.candidate.configuration, workload, [.screening, .paired]).speedup
    else { return nil }
    return (best.candidate, speedup)
  }
}
