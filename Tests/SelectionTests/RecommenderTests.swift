import Acceleration
import FoundationEssentials
import Glibc
import Selection
import Serving
import Testing

@Suite("A recommendation claims what is proven, measures what is not known, and says why")
struct RecommenderTests {
  private let world = SyntheticWorld()
  private let dense = SyntheticWorld.targets[0]
  private let small = SyntheticWorld.hardware[0]
  private let pinned = SyntheticWorld.hardware[1]

  private func recommend(
    _ sets: [CandidateSet], _ evidence: EvidenceIndex = EvidenceIndex(), model: SelectorModel? = nil,
    _ objective: Objective = .e2e, _ limits: Limits = Limits()
  ) -> Recommendation {
    Recommender(model: model, evidence: evidence).recommend(sets, objective: objective, limits: limits)
  }

  @Test("When nothing is known: measure first, with every applicable candidate, its estimate and no claim")
  func nothingKnown() throws {
    let set = SyntheticWorld.set()
    let answer = recommend([set])
    #expect(answer.decision == .measureFirst)
    let applicable = answer.candidates.filter(\.candidate.isApplicable)
    #expect(!applicable.isEmpty && applicable.contains { $0.candidate.configuration.isDefault })
    #expect(answer.candidates.count == set.candidates.count)
    #expect(applicable[0].predicted.e2eMS != nil)
    #expect(answer.reasons[0].contains("was not measured"))
    // Nothing says how long an engine takes to start.
    #expect(try #require(answer.measureNext).candidates.count == 3 && answer.measureNext?.seconds == nil)
    #expect(answer.confidence! < 0.5)
  }

  @Test("When the choice is not sure, it names three candidates to measure and the time of trials like the history's")
  func measureNext() throws {
    // Another workload was measured here: engines took 0.5 s to start.
    let evidence = EvidenceIndex(world.trial(dense, small, .longPrompt, rounds: 1))
    let answer = recommend([SyntheticWorld.set(dense, small, .chat)], evidence)
    #expect(answer.decision == .measureFirst)
    let plan = try #require(answer.measureNext)
    let ranked = plan.candidates.map { answer.candidates[$0] }
    #expect(
      ranked.count == 3 && ranked.allSatisfy { $0.candidate.isApplicable && !$0.candidate.configuration.isDefault })
    let baseline = try #require(answer.candidates.first { $0.candidate.configuration.isDefault })
    let blocks = ([baseline] + ranked).map { 128 / ($0.predicted.throughput ?? 0) }
    let expected: Double = 4 * 0.5 + 2 * blocks.reduce(0.0, +)
    let seconds = try #require(plan.seconds)
    #expect(abs(seconds - expected) < 1e-6)
  }

  @Test("A choice that was measured beside all others is sure, and nothing is left to measure")
  func sure() throws {
    let evidence = EvidenceIndex(world.trial(dense, small, .concurrent, rounds: 8))
    let answer = recommend([SyntheticWorld.set(dense, small, .concurrent)], evidence)
    #expect(answer.decision == .use && answer.confidence! > 0.8 && answer.measureNext == nil)
  }

  @Test("Without a worker or a candidate there is nothing to run, and that is said")
  func nothing() {
    #expect(recommend([]).candidates.isEmpty)
    #expect(recommend([]).reasons == ["no candidate can run within the limits"])
    var empty = SyntheticWorld.set()
    empty.candidates = []
    #expect(recommend([empty]).decision == .default)
  }

  @Test("A gain seen in several rounds is used, with its interval above 1, also without a trained model")
  func proven() throws {
    let evidence = EvidenceIndex(world.trial(dense, small, .concurrent, rounds: 3))
    let answer = recommend([SyntheticWorld.set(dense, small, .concurrent)], evidence)
    #expect(answer.decision == .use)
    let first = try #require(answer.candidates.first)
    #expect(!first.candidate.configuration.isDefault)
    #expect(first.speedupInterval!.lowerBound > 1)
    #expect(first.evidenceCount == 3)
    #expect(first.interval!.contains(first.predicted.e2eMS!))
    let truth = world.truth(first.candidate.configuration, dense, small, .concurrent).e2eMS
    #expect((0.8...1.25).contains(first.predicted.e2eMS! / truth))
    #expect(first.reasons.contains { $0.contains("3 rounds here") })
  }

  @Test("When measurements show no gain, the default stays, and stands first")
  func noGain() throws {
    // Candidates that change nothing or lose, measured four times.
    let losing: Set<MethodName> = [MethodName("prefix-caching"), MethodName("flash-attention")]
    let evidence = EvidenceIndex(
      world.trial(dense, small, .chat, rounds: 4) { losing.isSuperset(of: $0.configuration.methods) })
    var set = SyntheticWorld.set(dense, small, .chat)
    set.candidates = set.candidates.filter { losing.isSuperset(of: $0.configuration.methods) }
    let answer = recommend([set], evidence)
    #expect(answer.decision == .default)
    #expect(answer.candidates[0].candidate.configuration.isDefault)
    #expect(answer.candidates[0].speedup == 1)
    #expect(answer.candidates[0].speedupInterval == 1...1)
  }

  @Test("One lucky round proves nothing")
  func oneRound() throws {
    let set = SyntheticWorld.set(dense, small, .chat)
    let lucky = try #require(set.candidates.first { $0.configuration[.prefixCaching] != nil })
    let source = MeasurementSource.trial(TrialID("t"), benchmark: BenchmarkID("b"), purpose: .screening, round: 0)
    let truth = world.truth(EngineConfiguration(engine: SyntheticWorld.engine), dense, small, .chat)
    var evidence = EvidenceIndex()
    evidence.insert(
      SyntheticWorld.measurement(
        "a", source: source, dense, small, .chat, set.candidates[0], .completed(truth.metrics)))
    evidence.insert(
      SyntheticWorld.measurement(
        "b", source: source, dense, small, .chat, lucky, .completed(truth.scaled(0.9).metrics)))
    var only = set
    only.candidates = [set.candidates[0], lucky]
    let answer = recommend([only], evidence)
    #expect(answer.decision != .use)
    let ranked = try #require(answer.candidates.first { $0.candidate == lucky })
    // Shrunk towards no gain: 1/0.9 = 1.11 was seen.
    #expect(ranked.speedup! > 1 && ranked.speedup! < 1.11)
  }

  @Test("The order of sets and candidates changes nothing", arguments: 0..<10)
  func orderIndependence(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let workload = Workload.builtIn.randomElement(using: &generator)!
    let evidence = EvidenceIndex(world.trial(dense, small, workload, rounds: 1))
    let sets = [
      SyntheticWorld.set(dense, small, workload, worker: "a"), SyntheticWorld.set(dense, pinned, workload, worker: "b"),
    ]
    let model = try Trained.model()
    let expected = recommend(sets, evidence, model: model)
    var shuffled = sets.shuffled(using: &generator)
    for place in shuffled.indices { shuffled[place].candidates.shuffle(using: &generator) }
    let answer = recommend(shuffled, evidence, model: model)
    #expect(answer.decision == expected.decision && answer.reasons == expected.reasons)
    #expect(answer.candidates.map(\.candidate) == expected.candidates.map(\.candidate))
    #expect(answer.candidates.map(\.worker) == expected.candidates.map(\.worker))
    for (a, b) in zip(answer.candidates, expected.candidates) {
      #expect(a.predicted.e2eMS == b.predicted.e2eMS && a.speedup == b.speedup)
    }
  }

  @Test("The faster worker comes first, and each worker's default is judged against itself")
  func workers() throws {
    let sets = [
      SyntheticWorld.set(dense, pinned, .chat, worker: "slow"),
      SyntheticWorld.set(dense, SyntheticWorld.hardware[2], .chat, worker: "fast"),
    ]
    let answer = recommend(sets, model: try Trained.model())
    #expect(answer.candidates[0].worker == WorkerName("fast"))
    let slowDefault = try #require(
      answer.candidates.first { $0.worker == WorkerName("slow") && $0.candidate.configuration.isDefault })
    #expect(slowDefault.speedup == 1)
    #expect(slowDefault.predicted.e2eMS! > answer.candidates[0].predicted.e2eMS!)
  }

  @Test("What changes the output is refused unless it is allowed")
  func approximate() throws {
    let set = SyntheticWorld.set(dense, small, .chat)
    let strict = recommend([set], model: try Trained.model())
    #expect(!strict.candidates.contains { $0.candidate.isApplicable && $0.candidate.fidelity == .approximate })
    let refused = try #require(strict.candidates.first { $0.candidate.configuration[.weightVariant] != nil })
    #expect(refused.candidate.refusedReason?.contains("not allowed") == true)
    let lenient = recommend([set], model: try Trained.model(), .e2e, Limits(allowsApproximate: true))
    #expect(
      lenient.candidates.contains { $0.candidate.isApplicable && $0.candidate.configuration[.weightVariant] != nil })
  }

  @Test("A missed SLO refuses a candidate with the foreseen percentile, a met one does not")
  func slos() throws {
    let evidence = EvidenceIndex(world.trial(dense, small, .concurrent, rounds: 3))
    let set = SyntheticWorld.set(dense, small, .concurrent)
    let truth = world.truth(EngineConfiguration(engine: SyntheticWorld.engine), dense, small, .concurrent)
    // The default's p99 is 1.5 times its mean in this world.
    let tight = SLO(metric: .ttft, percentile: 99, limitMS: 1.3 * truth.ttftMS)
    let loose = SLO(metric: .ttft, percentile: 99, limitMS: 1.8 * truth.ttftMS)
    let refusing = recommend([set], evidence, model: try Trained.model(), .throughput, Limits(slos: [tight]))
    let baseline = try #require(refusing.candidates.first { $0.candidate.configuration.isDefault })
    #expect(baseline.candidate.refusedReason?.contains("would miss ttft:p99") == true)
    // Slots shorten the wait, so something is left.
    #expect(refusing.candidates[0].candidate.isApplicable)
    let meeting = recommend([set], evidence, model: try Trained.model(), .throughput, Limits(slos: [loose]))
    #expect(try #require(meeting.candidates.first { $0.candidate.configuration.isDefault }).candidate.isApplicable)
    let impossible = SLO(metric: .e2e, percentile: 50, limitMS: 0.001)
    let none = recommend([set], evidence, model: try Trained.model(), .throughput, Limits(slos: [impossible]))
    #expect(none.candidates.allSatisfy { !$0.candidate.isApplicable })
    #expect(none.reasons == ["no candidate can run within the limits"])
  }

  @Test("An SLO that nothing measured can judge refuses nobody")
  func unknownSLO() {
    let slo = SLO(metric: .e2e, percentile: 50, limitMS: 0.001)
    let answer = recommend([SyntheticWorld.set()], EvidenceIndex(), .e2e, Limits(slos: [slo]))
    #expect(answer.decision == .measureFirst && answer.candidates[0].candidate.isApplicable)
  }

  @Test("Measured memory over the limit refuses a candidate that was estimated to fit")
  func memory() throws {
    let set = SyntheticWorld.set(dense, small, .concurrent)
    let estimate = CostModel(
      model: dense, available: SyntheticWorld.models, hardware: small, workload: .concurrent
    ).estimate(set.candidates[0].configuration).memoryBytes
    // This world's engines take a tenth more than estimated.
    let limits = Limits(memoryBytes: Int(estimate * 1.05))
    let evidence = EvidenceIndex(world.trial(dense, small, .concurrent, rounds: 3))
    let answer = recommend([set], evidence, model: try Trained.model(), .e2e, limits)
    let baseline = try #require(answer.candidates.first { $0.candidate.configuration.isDefault })
    #expect(baseline.candidate.refusedReason?.contains("over the limit of") == true)
  }

  @Test("What failed each time is refused; what fails now and then counts ten times its cost when it does")
  func failing() throws {
    let set = SyntheticWorld.set(dense, small, .concurrent)
    let slots = try #require(set.candidates.first { $0.configuration.knobs == [.slotCount: .int(8)] })
    let source = MeasurementSource.trial(TrialID("f"), benchmark: BenchmarkID("b"), purpose: .paired, round: 0)
    let failure = SyntheticWorld.measurement(
      "x", source: source, dense, small, .concurrent, slots, .outOfMemory(detail: "killed"))
    let always = recommend([set], EvidenceIndex([failure]))
    #expect(
      always.candidates.first { $0.candidate.configuration == slots.configuration }?.candidate.refusedReason
        == "failed all 1 times it was tried here")

    let good = world.trial(dense, small, .concurrent, rounds: 3)
    let sometimes = recommend([set], EvidenceIndex(good + [failure]))
    let before = recommend([set], EvidenceIndex(good))
    func speedup(_ answer: Recommendation) -> Double? {
      answer.candidates.first { $0.candidate.configuration == slots.configuration }?.speedup
    }
    #expect(speedup(sometimes)! < 0.5 * speedup(before)!)
    // Losing the worker is not the configuration's fault.
    var lost = failure
    lost.outcome = .lostWorker
    #expect(speedup(recommend([set], EvidenceIndex(good + [lost]))) == speedup(before))
  }

  @Test("Rounds with a similar length stand in where the exact one was never measured")
  func similarWorkload() throws {
    let evidence = EvidenceIndex(world.trial(dense, small, .chat, rounds: 6))
    var alike = Workload.chat
    alike.promptTokens = 55...55
    alike.outputTokens = 80...80
    let answer = recommend([SyntheticWorld.set(dense, small, alike)], evidence)
    #expect(answer.decision == .use)
    #expect(answer.candidates[0].evidenceCount == 0)
    #expect(answer.candidates[0].reasons.contains { $0.contains("with a similar workload") })
  }

  @Test("Direct evidence overrules what the model foresees for a machine that behaves in another way")
  func evidenceWins() throws {
    let set = SyntheticWorld.set(dense, small, .chat)
    let model = try Trained.model()
    let winner = recommend([set], model: model).candidates[0].candidate
    try #require(!winner.configuration.isDefault)
    let truth = world.truth(EngineConfiguration(engine: SyntheticWorld.engine), dense, small, .chat)
    var evidence = EvidenceIndex()
    for round in 0..<6 {
      let source = MeasurementSource.trial(TrialID("t"), benchmark: BenchmarkID("b"), purpose: .paired, round: round)
      for (candidate, factor) in [(set.candidates[0], 1.0), (winner, 2.0)] {
        evidence.insert(
          SyntheticWorld.measurement(
            "\(round)\(factor)", source: source, dense, small, .chat, candidate,
            .completed(truth.scaled(factor).metrics)))
      }
    }
    let ranked = try #require(
      recommend([set], evidence, model: model).candidates.first { $0.candidate == winner })
    #expect((0.45...0.6).contains(ranked.speedup!))
  }

  @Test("Every objective ranks by its own figure", arguments: Objective.allCases)
  func objectives(objective: Objective) throws {
    var set = SyntheticWorld.set(dense, small, .concurrent)
    set.pricePerHour = 0.5
    let evidence = EvidenceIndex(CostAndEnergyTests.metered(world.trial(dense, small, .chat, rounds: 1), watts: 40))
    let answer = recommend([set], evidence, model: try Trained.model(), objective)
    let first = answer.candidates[0]
    #expect(first.interval!.contains(first.predicted.value(objective)!))
    #expect(first.interval!.lowerBound > 0)
  }
}
