import ExpertPlacement
import Messaging
import PlacementSelection
import Serving
import Testing

@testable import ExpertExecution

/// What a benchmark of placements says, in order; nothing here asks how long anything took.
@Suite("Placement benchmark", .timeLimit(.minutes(20)))
struct PlacementBenchmarkTests {
  /// Keeps what was said.
  private actor Heard {
    private(set) var news: [PlacementNews] = []
    func take(_ news: PlacementNews) { self.news.append(news) }

    var measured: [PlacementMeasurement] {
      news.compactMap { if case .measured(let measurement) = $0 { measurement } else { nil } }
    }
    var races: [PlacementRaceResult] {
      news.compactMap { if case .raced(let race) = $0 { race } else { nil } }
    }
  }

  private static func spec(
    _ strategies: [String], batchSizes: [Int] = [8], rounds: Int = 2, layerCount: Int? = 1
  ) -> PlacementBenchmarkSpec {
    PlacementBenchmarkSpec(
      id: BenchmarkID("b"), model: ModelID("m"), strategies: strategies, batchSizes: batchSizes, rounds: rounds,
      layerCount: layerCount)
  }

  /// Three hosts whose speeds are known, or not.
  private static func nodes(areMeasured: Bool = true) throws -> PlacementCluster {
    try PlacementCluster(
      hosts: [4.0, 2, 1].enumerated().map { index, speed in
        PlacementHost(
          name: "host-\(index)", slotCount: 8,
          speed: areMeasured
            ? PlacementHost.Speed(operationsPerSecond: speed * 1e9, memoryBytesPerSecond: speed * 1e9) : nil)
      })
  }

  private static func benchmark(
    _ spec: PlacementBenchmarkSpec, _ cluster: ExpertCluster, areMeasured: Bool = true
  ) throws -> PlacementBenchmark {
    try PlacementBenchmark(
      spec, hub: WorkerName("hub"), model: cluster.model, cluster: try nodes(areMeasured: areMeasured))
  }

  /// Each plan with each batch size, compared with the first one of its size.
  @Test func measuresPlansInOrder() async throws {
    let cluster = try await ExpertCluster()
    let heard = Heard()
    let spec = Self.spec(["linear", "round_robin", "shard"], batchSizes: [4, 8], layerCount: nil)
    try await Self.benchmark(spec, cluster).run(on: cluster.hub) { await heard.take($0) }
    let measured = await heard.measured
    #expect(measured.map(\.strategy) == ["linear", "round_robin", "shard", "linear", "round_robin", "shard"])
    #expect(measured.map(\.batchTokens) == [4, 4, 4, 8, 8, 8])
    #expect(Set(measured.map(\.id)).count == 6)
    #expect(Set(measured.map(\.problem)).count == 2, "one problem for each batch size")
    for (place, measurement) in measured.enumerated() {
      let figures = try #require(measurement.figures)
      #expect(figures.fault == nil)
      #expect(figures.passCount == 2 * 2, "rounds times layers")
      #expect(figures.links.count == 3 && measurement.hosts.count == 3)
      #expect(figures.move != nil)
      #expect((figures.speedup == nil) == (place % 3 == 0), "the first is what the others are compared with")
      #expect(figures.relativeDifference ?? 0 < 1e-3)
      #expect(measurement.foreseen?.features.count == PlanFeatures.names.count)
      #expect(PlacementTrial(measurement)?.measuredSeconds == figures.meanSeconds)
    }
    let steps = await heard.news.compactMap { if case .step(let step) = $0 { step.strategy } else { nil } }
    #expect(steps == measured.map(\.strategy))
  }

  /// A machine that got slower by half since the first plan ran is seen by that plan's batches.
  @Test func paceOfTheMoment() {
    func run(_ seconds: [Double]) -> PlacementRun {
      PlacementRun(
        hostCount: 1, batchTokens: 1,
        timings: seconds.map {
          var timing = LayerTiming()
          timing.totalSeconds = $0
          return timing
        })
    }
    let first = run([1, 4, 2])
    #expect(abs(run([1.5, 6]).pace(since: first) - 1.5) < 1e-12)
    #expect(abs(run([2, 2]).pace(since: first) - 1) < 1e-12, "twice and half as long")
    #expect(run([]).pace(since: first) == 1)
  }

  /// The plan that is called recommended is the winner of a race, whose losers are told, too.
  @Test(arguments: [true, false]) func racesForTheRecommendedPlan(areMeasured: Bool) async throws {
    let cluster = try await ExpertCluster()
    let heard = Heard()
    let spec = Self.spec(["linear", PlacementBenchmarkSpec.recommended])
    try await Self.benchmark(spec, cluster, areMeasured: areMeasured).run(on: cluster.hub) { await heard.take($0) }
    let race = try #require(await heard.races.first)
    #expect(await heard.races.count == 1)
    #expect((2...PlacementRace.entrantLimit).contains(race.entrants.count))
    let winner = try #require(race.entrants.first { $0.strategy == race.winner })
    #expect(winner.ratio == 1 && winner.rounds <= PlacementRace.roundLimit)
    for entrant in race.entrants {
      #expect((2...winner.rounds).contains(entrant.rounds), "nobody is out before two batches, nor after the race")
      #expect(entrant.ratio > 0)
    }
    let measured = await heard.measured
    let raced = measured.filter { $0.figures?.move == nil }
    #expect(Set(raced.map(\.strategy)) == Set(race.entrants.map(\.strategy)).subtracting([race.winner]))
    for measurement in raced {
      let rounds = race.entrants.first { $0.strategy == measurement.strategy }?.rounds
      #expect(measurement.figures?.passCount == rounds, "batches that are not counted are not measured")
    }
    #expect(measured.filter { $0.figures?.move != nil }.map(\.strategy) == ["linear", race.winner])
    #expect(measured.allSatisfy { ($0.foreseen != nil) == areMeasured })
  }

  /// What was learned from earlier measurements is in what is foreseen: here that all plans take five times as long.
  @Test func foreseesByWhatWasLearned() async throws {
    let cluster = try await ExpertCluster()
    let first = Heard()
    let spec = Self.spec(["linear", "round_robin", "shard", "lpt"], batchSizes: [1024], rounds: 1)
    try await Self.benchmark(spec, cluster).run(on: cluster.hub) { await first.take($0) }
    let known = await first.measured.compactMap(PlacementTrial.init)
    #expect(known.count == 4)
    let trials = (0..<24).flatMap { problem in
      known.map { trial in
        var trial = trial
        trial.problem = "\(problem)"
        trial.measuredSeconds = 5 * trial.analyticSeconds
        return trial
      }
    }
    let taught = Heard()
    let benchmark = try PlacementBenchmark(
      spec, hub: WorkerName("hub"), model: cluster.model, cluster: try Self.nodes(),
      selector: try PlacementSelector(learningFrom: trials))
    try await benchmark.run(on: cluster.hub) { await taught.take($0) }
    // One batch of the size is planned for, so that what the cost model says of the mean and of the median is the same.
    for measurement in await taught.measured {
      let foreseen = try #require(measurement.figures?.predictedP50MS) / 1e3
      #expect(abs(foreseen / (try #require(measurement.foreseen?.analyticSeconds)) / 5 - 1) < 0.2)
    }
    for measurement in await first.measured {
      let foreseen = try #require(measurement.figures?.predictedP50MS) / 1e3
      #expect(abs(foreseen / (try #require(measurement.foreseen?.analyticSeconds)) - 1) < 1e-6)
    }
  }

  /// A host that is gone is a failed plan, and then the one error.
  @Test func lostHostIsAFailedPlan() async throws {
    let cluster = try await ExpertCluster()
    let host = try #require(cluster.hosts[1])
    let heard = Heard()
    let error = await #expect(throws: ApusError.self) {
      try await Self.benchmark(Self.spec(["linear", "round_robin", "lpt"]), cluster).run(on: cluster.hub) { news in
        await heard.take(news)
        if case .measured = news { await host.stop() }
      }
    }
    #expect(error?.code == .unavailable)
    let measured = await heard.measured
    #expect(measured.map(\.strategy) == ["linear", "round_robin"], "nothing more is tried")
    #expect(measured[0].figures != nil)
    #expect(measured[1].outcome == .failed(reason: error?.reason ?? ""))
  }

  /// A benchmark that is given up did not fail. Its hosts play machines that take minutes, so that no plan is measured
  /// before.
  @Test func cancelledIsNoFailure() async throws {
    let slow = PlacementHost.Speed(operationsPerSecond: 1e3, memoryBytesPerSecond: 1e12)
    let cluster = try await ExpertCluster(emulated: [slow, slow, slow])
    let heard = Heard()
    let benchmark = try Self.benchmark(Self.spec(["linear", "round_robin"]), cluster, areMeasured: false)
    let hub = cluster.hub
    let (begun, continuation) = AsyncStream.makeStream(of: Void.self)
    let running = Task {
      try await benchmark.run(on: hub) { news in
        await heard.take(news)
        if case .step = news { continuation.yield() }
      }
    }
    for await _ in begun { break }
    running.cancel()
    await #expect(throws: ApusError.self) { try await running.value }
    #expect(await heard.measured.isEmpty)
  }

  @Test func replaysARecording() async throws {
    let cluster = try await ExpertCluster()
    let heard = Heard()
    var spec = Self.spec(["linear"], batchSizes: [2])
    // Two layers, three tokens, all of them to experts 0 and 1.
    spec.routing = RecordedRouting(layerCount: 2, topK: 2, experts: [0, 1, 1, 0, 0, 1, 2, 3, 3, 2, 2, 3])
    try await Self.benchmark(spec, cluster).run(on: cluster.hub) { await heard.take($0) }
    // Linear has experts 0 to 2 on the first host.
    #expect(await heard.measured.first?.figures?.hostsPerToken == 1)
  }

  @Test func refusesWhatCannotBe() async throws {
    let cluster = try await ExpertCluster()
    func refusal(_ change: (inout PlacementBenchmarkSpec) -> Void) throws -> String {
      var spec = Self.spec(["linear"])
      change(&spec)
      let error = #expect(throws: ApusError.self) { try Self.benchmark(spec, cluster) }
      return error?.reason ?? ""
    }
    #expect(try refusal { $0.strategies = ["best"] }.contains("no placement strategy best"))
    #expect(try refusal { $0.strategies = [] }.contains("names no strategy"))
    #expect(try refusal { $0.batchSizes = [0] }.contains("a batch of 0 tokens"))
    #expect(try refusal { $0.layerCount = 3 }.contains("--layers 3"))
    #expect(try refusal { $0.rounds = 0 }.contains("0 rounds"))
    #expect(
      try refusal { $0.routing = RecordedRouting(layerCount: 1, topK: 2, experts: [0, 9]) }.contains("expert 9"))
    #expect(
      try refusal { $0.routing = RecordedRouting(layerCount: 1, topK: 2, experts: [0, 1]) }
        .contains("a batch of 8 tokens, and the recording has 1"))
  }
}
