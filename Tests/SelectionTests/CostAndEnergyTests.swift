import Acceleration
import Glibc
import Serving
import Testing

@testable import Selection

@Suite("Nodes are compared by money and by energy, and what nobody knows is last, never free")
struct CostAndEnergyTests {
  private let world = SyntheticWorld()
  private let dense = SyntheticWorld.targets[0]
  private let small = SyntheticWorld.hardware[0]
  private let server = SyntheticWorld.hardware[2]

  /// The same measurements from a machine that takes so many watts, whatever it runs.
  static func metered(_ measurements: [Measurement], watts: Double) -> [Measurement] {
    measurements.map { measurement in
      var measurement = measurement
      if case .completed(var metrics) = measurement.outcome {
        metrics.energyJoules = watts * metrics.wallSeconds
        measurement.outcome = .completed(metrics)
      }
      return measurement
    }
  }

  private func set(_ hardware: HardwareProfile, _ worker: String, price: Double? = nil) -> CandidateSet {
    var set = SyntheticWorld.set(dense, hardware, .concurrent, worker: worker)
    set.pricePerHour = price
    return set
  }

  private func recommend(
    _ sets: [CandidateSet], _ measurements: [Measurement], _ objective: Objective
  ) -> Recommendation {
    Recommender(model: nil, evidence: EvidenceIndex(measurements)).recommend(
      sets, objective: objective, limits: Limits())
  }

  private var bothMachines: [Measurement] {
    [small, server].flatMap { world.trial(dense, $0, .concurrent, rounds: 3) }
  }

  @Test("Cost of a million tokens is the price of the time they take, and its interval is in the same money")
  func costFormula() throws {
    let answer = recommend([set(small, "w", price: 2)], bothMachines, .cost)
    let first = try #require(answer.candidates.first)
    let throughput = try #require(first.predicted.throughput)
    let cost = try #require(first.predicted.costPerMillionTokens)
    #expect(abs(cost / (2 / 3600 / throughput * 1e6) - 1) < 1e-9)
    #expect(try #require(first.interval).contains(cost))
    #expect(answer.decision == .use && first.speedupInterval!.lowerBound > 1)
  }

  @Test("The price decides between nodes: a fast one that costs too much comes second")
  func priceDecides() {
    let throughputs = [small, server].map { hardware in
      recommend([set(hardware, "w", price: 1)], bothMachines, .cost).candidates[0].predicted.throughput!
    }
    let ratio = throughputs[1] / throughputs[0]
    #expect(ratio > 1.5, "the server is the faster one: \(ratio)")
    func first(serverPrice: Double) -> String {
      recommend(
        [set(small, "small", price: 1), set(server, "server", price: serverPrice)], bothMachines, .cost
      ).candidates[0].worker.rawValue
    }
    #expect(first(serverPrice: 0.5 * ratio) == "server")
    #expect(first(serverPrice: 2 * ratio) == "small")
  }

  @Test("A node without a price comes after every node with one, says why and has no cost")
  func noPrice() throws {
    let answer = recommend([set(server, "unpriced"), set(small, "priced", price: 1000)], bothMachines, .cost)
    let applicable = answer.candidates.filter(\.candidate.isApplicable)
    let place = try #require(applicable.firstIndex { $0.worker.rawValue == "unpriced" })
    #expect(applicable[..<place].allSatisfy { $0.worker.rawValue == "priced" })
    #expect(applicable[place...].allSatisfy { $0.worker.rawValue == "unpriced" })
    #expect(applicable[place].predicted.costPerMillionTokens == nil && applicable[place].interval == nil)
    #expect(applicable[place].reasons.contains { $0.contains("unpriced has no price (price_per_hour") })
    // Where no node has one, its strategies are still compared with each other.
    let alone = recommend([set(server, "unpriced")], bothMachines, .cost)
    #expect(alone.decision == .use)
    #expect(alone.reasons.contains { $0.contains("has no price") })
  }

  @Test("Energy ranks by measured joules: the slow machine of a few watts beats the fast one of many")
  func energyDecides() throws {
    let thrifty = Self.metered(world.trial(dense, small, .concurrent, rounds: 3), watts: 10)
    let hungry = Self.metered(world.trial(dense, server, .concurrent, rounds: 3), watts: 2000)
    let answer = recommend([set(server, "server"), set(small, "small")], thrifty + hungry, .energy)
    #expect(answer.candidates[0].worker.rawValue == "small" && answer.decision == .use)
    let joules = try #require(answer.candidates[0].predicted.joulesPerToken)
    let throughput = try #require(answer.candidates[0].predicted.throughput)
    #expect((0.7...1.4).contains(joules * throughput / 10), "10 W, whatever the speed: \(joules * throughput) W")
    #expect(try #require(answer.candidates[0].interval).contains(joules))
  }

  @Test("A node whose energy was never measured comes last; when there is no other, it is to be measured first")
  func noCounter() throws {
    let measured = Self.metered(world.trial(dense, small, .concurrent, rounds: 3), watts: 5000)
    let unmetered = world.trial(dense, server, .concurrent, rounds: 3)
    let answer = recommend([set(server, "unmetered"), set(small, "metered")], measured + unmetered, .energy)
    let applicable = answer.candidates.filter(\.candidate.isApplicable)
    let place = try #require(applicable.firstIndex { $0.worker.rawValue == "unmetered" })
    #expect(applicable[place...].allSatisfy { $0.worker.rawValue == "unmetered" })
    #expect(applicable[place].predicted.joulesPerToken == nil && applicable[place].interval == nil)
    #expect(applicable[place].reasons.contains { $0.contains("energy was never measured") })
    let alone = recommend([set(server, "unmetered")], unmetered, .energy)
    #expect(alone.decision == .measureFirst)
    #expect(alone.reasons.contains { $0.contains("energy was never measured") })
  }

  @Test("Blocks without a counter neither dilute the energy of those with one nor count as its repeats")
  func lanesCountForThemselves() {
    var moments = RunningMoments()
    var costs = LogCosts()
    costs[.e2e] = 1
    for _ in 0..<9 { moments.add(costs.lanes) }
    costs[.energy] = 2
    moments.add(costs.lanes)
    costs[.energy] = 4
    let growth = moments.add(costs.lanes)
    #expect(moments.count == 11 && moments.count(.energy) == 2 && moments.count(.e2e) == 11)
    #expect(moments.mean[CostMetric.energy.rawValue] == 3)
    #expect(moments.squares[CostMetric.energy.rawValue] == 2)
    #expect(growth[CostMetric.energy.rawValue] == 2 && growth[CostMetric.ttft.rawValue].isNaN)
  }

  @Test("Trees learn energy from a history that has it, and none are made where there is none")
  func trainedEnergy() throws {
    let history = world.history(models: [dense], hardware: [small, server], rounds: 2)
    let blind = try SelectorTrainer.train(history).model
    let energy = try #require(CostMetric.allCases.firstIndex(of: .energy))
    #expect(blind.header.metrics[energy].levelTrees.isEmpty && blind.header.metrics[energy].ratioTrees.isEmpty)
    let metered = Self.metered(history, watts: 100)
    let model = try SelectorTrainer.train(metered).model
    #expect(!model.header.metrics[energy].levelTrees.isEmpty && !model.header.metrics[energy].ratioTrees.isEmpty)
    let answer = Recommender(model: model, evidence: EvidenceIndex(metered)).recommend(
      [SyntheticWorld.set(dense, small, .edit)], objective: .energy, limits: Limits())
    let first = try #require(answer.candidates.first)
    let watts = try #require(first.predicted.joulesPerToken) * (try #require(first.predicted.throughput))
    #expect((50...200).contains(watts), "100 W in a workload that was not measured: \(watts)")
  }
}
