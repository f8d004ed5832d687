public import ExpertPlacement
import Glibc
import PlacementSelection
public import Serving
public import XGBoost

/// How well placements are chosen on clusters whose true times come from an event simulation with hidden parameters.
///
/// Every case is chosen for by a selector that was trained on other cases: folds at random, folds that leave one task out, and
/// folds that leave one kind of hardware out.
public struct SelectionStudy: Sendable {
  /// How the cases are divided into what is learned from and what is chosen for.
  public enum Split: String, CaseIterable, Sendable {
    case random
    case tasks
    case hardware
  }

  /// Geometric-mean slowdown against the best strategy of each case.
  public struct Score: Sendable {
    /// The strategy that is best on average when always used, chosen on the very cases it is judged on.
    public var bestFixed: (strategy: String, slowdown: Double)
    /// The cost model alone.
    public var analytic: Double
    /// With what was learned.
    public var learned: Double
    /// With what was learned, and a race of the three that are expected to be fastest.
    public var raced: Double
    /// As `raced`, in the left-out part that it is worst in.
    public var worst: (part: String, slowdown: Double)
    /// Batches measured in a race, mean.
    public var batchesPerRace: Double
  }

  private struct Outcome {
    var hardware: String
    var task: String
    var plans: [PlacementPlan]
    var names: [String]
    var features: [PlanFeatures]
    var truth: [Double]
    /// `[plan][round]`.
    var measured: [[Double]]
    var trials: [PlacementTrial]

    var best: Double { truth.min()! }
  }

  /// Search takes too long to be planned with, and there is nothing to keep.
  private static let strategies = PlacementStrategies.all.filter { !($0 is Search) && $0.name != "keep" }
  /// Rounds that a trial of the history is the mean of.
  private static let trialRounds = 4

  /// What cases are drawn from and chosen among.
  public static var hardwareCount: Int { GeneratedCluster.allCases.count }
  public static var strategyCount: Int { strategies.count }

  private let outcomes: [Outcome]
  public var caseCount: Int { outcomes.count }

  /// - Parameters:
  ///   - recorded: tasks with their recorded traces; generated ones are added.
  ///   - sigma: of the hidden parameters, as a logarithm.
  public init(
    recorded: [(task: String, trace: RoutingTrace)], caseCount: Int, sigma: Double = 0.3, seed: UInt64
  ) throws(ApusError) {
    var outcomes: [Outcome] = []
    let taskCount = recorded.count + GeneratedRouting.allCases.count
    var generator = SeededGenerator(seed: seed)
    for number in 0..<caseCount {
      let hardware = GeneratedCluster.allCases[number % GeneratedCluster.allCases.count]
      let place = number / GeneratedCluster.allCases.count % taskCount
      let trace: RoutingTrace
      let task: String
      if place < recorded.count {
        let source = recorded[place].trace
        task = recorded[place].task
        trace = source.selecting(layer: Int.random(in: 0..<source.layerCount, using: &generator))
      } else {
        let kind = GeneratedRouting.allCases[place - recorded.count]
        task = kind.rawValue
        let expertCount = [16, 32, 64].randomElement(using: &generator)!
        let topK = [2, 4, 6, 8].randomElement(using: &generator)!
        trace = kind.trace(tokenCount: 8192, expertCount: expertCount, topK: topK, seed: generator.next())
      }
      let drawn = try SimulatedCase(
        hardware: hardware, task: task, trace: trace, sigma: sigma, seed: generator.next())
      if let outcome = try Self.outcome(drawn, number: number) { outcomes.append(outcome) }
    }
    self.outcomes = outcomes
  }

  private static func outcome(_ drawn: SimulatedCase, number: Int) throws(ApusError) -> Outcome? {
    var outcome = Outcome(
      hardware: drawn.hardware, task: drawn.task, plans: [], names: [], features: [], truth: [], measured: [],
      trials: [])
    for strategy in strategies {
      let plan = try strategy.plan(drawn.problem)
      guard let features = PlanFeatures(plan, for: drawn.problem) else { continue }
      let place = outcome.plans.count
      let measured = (0..<max(trialRounds, PlacementRace.roundLimit)).map {
        drawn.measured(plan, number: place, round: $0)
      }
      outcome.plans.append(plan)
      outcome.names.append(strategy.name)
      outcome.features.append(features)
      outcome.truth.append(drawn.truth(of: plan))
      outcome.trials.append(
        PlacementTrial(
          problem: "\(number)", strategy: strategy.name, features: features,
          measuredSeconds: measured[..<trialRounds].reduce(0, +) / Double(trialRounds)))
      outcome.measured.append(measured)
    }
    return outcome.plans.isEmpty ? nil : outcome
  }

  // MARK: Choosing

  public func score(_ split: Split) throws(XGBoostError) -> Score {
    let parts = outcomes.indices.map { part(of: $0, split) }
    var (analytic, learned, raced, batches) = (0.0, 0.0, 0.0, 0)
    var racedOfPart: [String: [Double]] = [:]
    for part in Set(parts).sorted() {
      let training = outcomes.indices.filter { parts[$0] != part }.flatMap { outcomes[$0].trials }
      let selector = PlacementSelector(residual: try PlacementResidual.learned(from: training))
      for outcome in outcomes.indices.filter({ parts[$0] == part }).map({ outcomes[$0] }) {
        let seconds = try selector.seconds(outcome.features)
        let winner = Self.race(selector.race(seconds, outcome.plans), outcome, &batches)
        analytic += Self.slowdown(outcome, Self.least(outcome.features.map(\.analyticSeconds)))
        learned += Self.slowdown(outcome, Self.least(seconds))
        raced += Self.slowdown(outcome, winner)
        racedOfPart[part, default: []].append(Self.slowdown(outcome, winner))
      }
    }
    let count = Double(outcomes.count)
    let worst = racedOfPart.mapValues { exp($0.reduce(0, +) / Double($0.count)) }.max { $0.value < $1.value }!
    return Score(
      bestFixed: bestFixed, analytic: exp(analytic / count), learned: exp(learned / count), raced: exp(raced / count),
      worst: (worst.key, worst.value), batchesPerRace: Double(batches) / count)
  }

  private func part(of place: Int, _ split: Split) -> String {
    switch split {
    // Kinds of hardware and tasks take turns with the number of a case: runs of each are cut through.
    case .random: "\(SeededGenerator(seed: UInt64(place)).first % 5)"
    case .tasks: outcomes[place].task
    case .hardware: outcomes[place].hardware
    }
  }

  private static func race(_ start: PlacementRace, _ outcome: Outcome, _ batches: inout Int) -> Int {
    var race = start
    var round = 0
    while !race.nextRound.isEmpty {
      let plans = race.nextRound
      race.record(plans.map { outcome.measured[$0][round] })
      batches += plans.count
      round += 1
    }
    return race.winner
  }

  private static func least(_ values: [Double]) -> Int { values.indices.min { values[$0] < values[$1] }! }

  /// Logarithm of the chosen plan's time over the best's.
  private static func slowdown(_ outcome: Outcome, _ place: Int) -> Double { log(outcome.truth[place] / outcome.best) }

  private var bestFixed: (strategy: String, slowdown: Double) {
    let names = outcomes[0].names
    let means = names.map { name in
      exp(
        outcomes.reduce(0) { sum, outcome in
          sum + outcome.names.firstIndex(of: name).map { Self.slowdown(outcome, $0) }!
        } / Double(outcomes.count))
    }
    let best = Self.least(means)
    return (names[best], means[best])
  }
}
