import Acceleration
import Glibc
import Serving
import Testing

@testable import Selection

@Suite("An explanation adds up, and what it says would flip the choice does")
struct ExplanationTests {
  private let world = SyntheticWorld()
  private let dense = SyntheticWorld.targets[0]
  private let small = SyntheticWorld.hardware[0]

  @Test("The factors multiply to the speed-up, with and without measurements and a trained model", arguments: 0..<3)
  func contributions(kind: Int) throws {
    let model = kind == 2 ? nil : try Trained.model()
    let evidence = EvidenceIndex(kind == 0 ? [] : world.trial(dense, small, .concurrent, rounds: 3))
    let recommender = Recommender(model: model, evidence: evidence)
    let sets = [SyntheticWorld.set(dense, small, .concurrent)]
    let answer = recommender.recommend(sets, objective: .e2e, limits: Limits())
    let explanation = try #require(recommender.explain(answer, sets, objective: .e2e, limits: Limits()))
    let speedup = try #require(answer.candidates[explanation.subject].speedup)
    let product = explanation.contributions.reduce(0) { $0 + log($1.factor) }
    #expect(abs(product - log(speedup)) < 1e-3)
    let names = Set(explanation.contributions.map(\.name))
    #expect(names.contains("measurements here") == (kind != 0))
    if kind < 2 { #expect(names.contains("roofline") && !names.isDisjoint(with: FeatureEncoder.columns)) }
    #expect(try #require(explanation.runnerUp) != explanation.subject)
  }

  @Test("A flip of the workload, tried, makes the runner-up the better one; smaller steps do not")
  func flips() throws {
    let model = try Trained.model()
    let recommender = Recommender(model: model, evidence: EvidenceIndex())
    var found = 0
    for workload in Workload.builtIn {
      let sets = [SyntheticWorld.set(dense, small, workload)]
      let answer = recommender.recommend(sets, objective: .e2e, limits: Limits())
      let explanation = try #require(recommender.explain(answer, sets, objective: .e2e, limits: Limits()))
      let (choice, runnerUp) = (try #require(answer.choice), answer.candidates[try #require(explanation.runnerUp)])
      let grid = WorkloadGrid.variations(of: workload, contextLength: dense.contextLength)
      for flip in explanation.flips {
        guard let steps = grid.first(where: { $0.first?.what == flip.what }) else { continue }
        found += 1
        let place = try #require(steps.firstIndex { $0.to == flip.to })
        for (step, variation) in steps.prefix(place + 1).enumerated() {
          var changed = sets[0]
          changed.workload = variation.workload
          let other = recommender.judge([changed], objective: .e2e, limits: Limits())
          func rank(_ ranked: RankedCandidate) -> Int {
            other.applicable.firstIndex {
              changed.candidates[$0.candidate].configuration == ranked.candidate.configuration
            } ?? .max
          }
          #expect((rank(runnerUp) < rank(choice)) == (step == place), "\(flip.what) \(variation.to)")
        }
      }
    }
    #expect(found > 0)
  }

  @Test("The nearest evidence is the strategy's own here, then elsewhere, then the default's; the newest first")
  func evidence() throws {
    let set = SyntheticWorld.set(dense, small, .chat)
    let strategies = set.candidates.filter { !$0.configuration.knobs.isEmpty }
    let configuration = strategies[0].configuration
    var nearest = NearestEvidence(
      model: dense.id, hardware: small, workload: .chat, configuration: configuration, objective: .e2e)
    func add(_ id: String, _ hardware: HardwareProfile, _ workload: Workload, _ candidate: Candidate, at ms: Int64) {
      let truth = world.truth(candidate.configuration, dense, hardware, workload)
      var measurement = SyntheticWorld.measurement(
        id, source: .job(JobID("j")), dense, hardware, workload, candidate, .completed(truth.metrics))
      measurement.startedAtMS = ms
      nearest.add(measurement)
    }
    add("default", small, .chat, set.candidates[0], at: 9)
    add("old", small, .chat, strategies[0], at: 1)
    add("elsewhere", SyntheticWorld.hardware[2], .chat, strategies[0], at: 9)
    add("new", small, .chat, strategies[0], at: 2)
    add("longer", small, .edit, strategies[0], at: 9)
    add("other", small, .chat, strategies[1], at: 9)
    #expect(nearest.evidence.map(\.measurement.rawValue) == ["new", "old", "longer", "elsewhere", "default"])
    #expect(nearest.evidence.map(\.isHere) == [true, true, false, false, true])
    let truth = world.truth(configuration, dense, small, .chat)
    #expect(nearest.evidence[0].value == truth.e2eMS)
    for number in 0..<20 { add("more \(number)", small, .chat, strategies[0], at: Int64(10 + number)) }
    #expect(nearest.evidence.count == 6 && nearest.evidence[0].measurement.rawValue == "more 19")
  }

  @Test("Variations change one thing each, the smallest step first, and fit the model's context")
  func grid() {
    let grid = WorkloadGrid.variations(of: .chat, contextLength: 300)
    #expect(grid.count == 5)
    #expect(grid[0].map(\.workload.concurrency) == [2, 4, 8, 16, 32, 64])
    #expect(grid[1].prefix(3).map(\.to) == ["128", "32", "16"])
    for variations in grid {
      for variation in variations {
        #expect(variation.workload.promptTokens.upperBound + variation.workload.outputTokens.upperBound <= 300)
        #expect(variation.from != variation.to)
      }
    }
  }
}
