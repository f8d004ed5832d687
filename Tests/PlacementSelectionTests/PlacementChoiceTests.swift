import ExpertPlacement
import Serving
import Testing

@testable import PlacementSelection
@testable import PlacementSimulation

@Suite("Choice of placements") struct PlacementChoiceTests {
  private static let geometry = ExpertGeometry(hiddenSize: 1024, intermediateSize: 512, expertBytes: 3e6)

  private static func problem() throws -> PlacementProblem {
    let hosts = [4.0, 1, 1].enumerated().map { index, speed in
      PlacementHost(
        name: "h\(index)", slotCount: 16,
        speed: .init(operationsPerSecond: speed * 1e11, memoryBytesPerSecond: speed * 1e10),
        link: .init(bytesPerSecond: 1e9, latencySeconds: 1e-4))
    }
    let trace = GeneratedRouting.zipf.trace(tokenCount: 512, expertCount: 16, topK: 2, seed: 1)
    return try PlacementProblem(
      trace: trace, cluster: PlacementCluster(hosts: hosts, hubBytesPerSecond: 2e9), geometry: geometry, batchTokens: 64
    )
  }

  // MARK: Features and residual

  @Test func featuresHaveTheirColumns() throws {
    let problem = try Self.problem()
    for strategy in PlacementStrategies.all where strategy.name != "keep" {
      let features = try #require(PlanFeatures(try strategy.plan(problem), for: problem))
      #expect(features.values.count == PlanFeatures.names.count)
      #expect(features.values.allSatisfy { $0.isFinite }, "\(strategy.name): \(features.values)")
    }
    #expect(Set(PlanFeatures.names).count == PlanFeatures.names.count)
  }

  /// Without speeds nothing is foreseen in seconds.
  @Test func nothingIsForeseenWithoutSpeeds() throws {
    let problem = try PlacementProblem(
      load: ExpertLoad([[1, 2, 3, 4]]), cluster: .equal(hostCount: 2, slotCount: 4))
    let plan = try PlacementStrategies.named("linear").plan(problem)
    #expect(PlanFeatures(plan, for: problem) == nil)
  }

  private static func trials(_ count: Int, slowdown: (PlanFeatures) -> Double) throws -> [PlacementTrial] {
    let problem = try problem()
    var generator = SeededGenerator(seed: 5)
    return try (0..<count).flatMap { number in
      try ["linear", "lpt", "consolidate", "shard", "near_tier"].map { name in
        let features = try #require(PlanFeatures(try PlacementStrategies.named(name).plan(problem), for: problem))
        let noise = Double.random(in: 0.98...1.02, using: &generator)
        return PlacementTrial(
          problem: "\(number)", strategy: name, features: features,
          measuredSeconds: features.analyticSeconds * slowdown(features) * noise)
      }
    }
  }

  /// A history too small teaches nothing; a larger one teaches that cut experts take twice what the cost model says.
  @Test func residualIsLearned() throws {
    let cut = try #require(PlanFeatures.names.firstIndex(of: "cut"))
    func slowdown(_ features: PlanFeatures) -> Double { features.values[cut] > 0 ? 2 : 1 }
    #expect(try PlacementResidual.learned(from: Self.trials(5, slowdown: slowdown)) == nil)
    let residual = try #require(try PlacementResidual.learned(from: Self.trials(60, slowdown: slowdown)))
    #expect(residual.problemCount == 60 && residual.spread < 0.1)
    let problem = try Self.problem()
    let plans = try ["shard", "linear"].map {
      try #require(PlanFeatures(try PlacementStrategies.named($0).plan(problem), for: problem))
    }
    let seconds = try PlacementSelector(residual: residual).seconds(plans)
    let ratios = zip(seconds, plans).map { $0 / $1.analyticSeconds }
    #expect((1.7...2.3).contains(ratios[0] / ratios[1]), "\(ratios)")
    #expect(try PlacementSelector(residual: nil).seconds(plans) == plans.map(\.analyticSeconds))
  }

  /// Trials of another encoder, and of times that cannot be, are not learned from.
  @Test func foreignTrialsAreLeftOut() throws {
    var trials = try Self.trials(30) { _ in 1 }
    for place in trials.indices {
      if place % 2 == 0 { trials[place].encoderVersion += 1 } else { trials[place].measuredSeconds = -1 }
    }
    #expect(try PlacementResidual.learned(from: trials) == nil)
  }

  // MARK: Race

  /// The expected order was wrong, the measured one is right: the race ends with the truly fastest.
  @Test func raceFindsTheFastest() {
    let truth = [1.3, 1.0, 1.2, 0.1]
    var race = PlacementRace(expecting: [1.0, 1.05, 1.1, 5], spread: 0.3)
    #expect(race.entrants == [0, 1, 2], "what is expected to be far behind does not enter")
    var rounds = 0
    while !race.nextRound.isEmpty {
      let batch = 1 + 0.1 * Double(rounds % 2)
      race.record(race.nextRound.map { truth[$0] * batch })
      rounds += 1
    }
    #expect(race.winner == 1)
    #expect(rounds <= PlacementRace.roundLimit)
  }

  /// A small measured lead does not beat a sure expectation.
  @Test func expectationCounts() {
    func winner(spread: Double) -> Int {
      var race = PlacementRace(expecting: [1, 1.2], spread: spread)
      race.record([1.01, 1])
      race.record([1.01, 1])
      return race.winner
    }
    #expect(winner(spread: 0.01) == 0)
    #expect(winner(spread: 1) == 1)
  }

  /// Equal plans enter once; one plan alone is not raced.
  @Test func equalPlansEnterOnce() {
    let race = PlacementRace(expecting: [1, 1, 2], spread: 0.1) { a, b in (a, b) == (0, 1) || (a, b) == (1, 0) }
    #expect(race.entrants == [0, 2])
    #expect(PlacementRace(expecting: [1], spread: 0.1).nextRound.isEmpty)
  }

  // MARK: Moving

  /// Two experts of 3 MB go to a host behind a link of 1 GB/s.
  @Test func moveCostsWhatIsMissing() throws {
    let hosts = (0..<2).map { PlacementHost(name: "h\($0)", slotCount: 4, link: .init(bytesPerSecond: 1e9)) }
    let cluster = try PlacementCluster(hosts: hosts)
    func plan(_ hosts: [Int]) -> PlacementPlan {
      PlacementPlan(
        hostCount: 2, expertCount: 4, layers: [.hosted(hosts.map { [HostShare(host: $0, weight: 1)] })])
    }
    let move = PlacementMove(
      from: plan([0, 0, 0, 1]), to: plan([0, 1, 1, 1]), cluster: cluster, geometry: Self.geometry)
    #expect(move.bytes == 6e6 && abs(move.seconds - 6e-3) < 1e-9)
    let batches = try #require(move.breakEvenBatches(saving: 1e-3))
    #expect(abs(batches - 6) < 1e-9)
    #expect(move.breakEvenBatches(saving: 0) == nil)
    let cut = PlacementPlan(hostCount: 2, expertCount: 4, layers: [.sharded([0.5, 0.5])])
    #expect(PlacementMove(from: cut, to: plan([0, 0, 1, 1]), cluster: cluster, geometry: Self.geometry).bytes == 6e6)
    #expect(PlacementMove(from: nil, to: cut, cluster: cluster, geometry: Self.geometry).bytes == 12e6)
  }

  /// `keep` wins unless the batches that are left repay the move.
  @Test func keepWinsUnlessItPays() throws {
    let cluster = try PlacementCluster(
      hosts: [PlacementHost(name: "h", slotCount: 4, link: .init(bytesPerSecond: 1e6))])
    let plan = PlacementPlan(hostCount: 1, expertCount: 4, layers: [.sharded([1])])
    let move = PlacementMove(from: nil, to: plan, cluster: cluster, geometry: Self.geometry)
    #expect(move.seconds == 12)
    #expect(PlacementDecision(move, saving: 0.1, remaining: 1000) == .move(breakEvenBatches: 120))
    #expect(PlacementDecision(move, saving: 0.1, remaining: 100) == .keep(breakEvenBatches: 120))
    #expect(PlacementDecision(move, saving: -0.1, remaining: 1000) == .keep(breakEvenBatches: nil))
    #expect(PlacementDecision(move, saving: nil, remaining: 1000) == .start)
  }

  // MARK: Study

  /// A small study: nobody beats the best of each case, learning and racing do not lose to the best fixed strategy, and the
  /// same seed gives the same scores.
  @Test func studyIsInOrder() throws {
    let study = try SelectionStudy(recorded: [], caseCount: 40, seed: 7)
    #expect(study.caseCount == 40)
    let score = try study.score(.random)
    for slowdown in [score.bestFixed.slowdown, score.analytic, score.learned, score.raced, score.worst.slowdown] {
      #expect(slowdown >= 1)
    }
    #expect(score.raced <= score.bestFixed.slowdown)
    #expect(try study.score(.random).raced == score.raced)
    #expect(score.batchesPerRace <= Double(PlacementRace.entrantLimit * PlacementRace.roundLimit))
  }
}
