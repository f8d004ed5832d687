import Coordinator
import Messaging
import Selection
import Serving
import Testing

/// How the planner spends its time: on whom, on which workloads, and what it leaves alone.
@Suite struct TrialPlanningTests {
  typealias Play = TrialPlannerTests.Play

  @Test("Models are screened in turns, so that none is left without when the time is over")
  func modelsInTurns() {
    let targets = ["dense", "moe", "other"].map { TrialPlannerTests.target("one", model: $0) }
    var play = Play(TrialPlannerTests.spec(budget: 150, models: ["dense", "moe", "other"]), targets)
    play.toTheEnd()
    let order = play.trials.filter { $0.spec.purpose == .screening }.map(\.spec.model)
    #expect(Set(order.prefix(3)).count == 3, "each has its first turn before anybody has a second: \(order)")
    var seconds: [ModelID: Double] = [:]
    for measurement in play.measurements where measurement.source.purpose != .confirmation {
      seconds[measurement.model.id, default: 0] += measurement.outcome.metrics?.wallSeconds ?? 0
    }
    let sorted = seconds.values.sorted()
    #expect(sorted.count == 3 && sorted[0] > 0.6 * sorted[2], "\(seconds)")
  }

  @Test("A candidate runs only on the workloads it can help, and its engine is started once for all of them")
  func workloadsOfTheirOwn() {
    let all = Array(TrialPlannerTests.candidates.dropFirst())
    let single = all.filter { $0.configuration[.slotCount] == nil }
    let target = TrialPlannerTests.target("one", fields: ["chat": single, "long-prompt": single, "edit": single])
    var play = Play(TrialPlannerTests.spec(budget: 300), [target])
    play.toTheEnd()
    let slots = play.measurements.filter { $0.configuration[.slotCount] != nil }
    #expect(Set(slots.map(\.workload.name)) == ["concurrent", "shared-prefix"])
    let first = play.trials.filter { $0.spec.purpose == .screening }
      .filter { $0.spec.candidates.contains { $0.configuration[.slotCount] != nil } }
    #expect(first.count == 1, "one trial serves both workloads")
  }

  @Test("A clear loser is dropped after its first look; the repeats go to those in front")
  func loserDroppedEarly() {
    var play = Play(TrialPlannerTests.spec(budget: 900, workloads: [.chat]), [TrialPlannerTests.target("one")])
    play.costs = HiddenCosts(speedups: ["chat": [.slotCount: 0.4, .speculation: 1.6, .threadCount: 1.5]], noise: 0.1)
    play.toTheEnd()
    #expect(play.blocks(Fixture.candidate([.slotCount: .int(1)]).configuration, on: "chat") == 1)
    let best = play.blocks(Fixture.candidate([.speculation: .int(1)]).configuration, on: "chat")
    #expect(best >= 3 + 3, "first look, two paired rounds, at least three of the confirmation: \(best)")
  }

  @Test("Of two hundred candidates the winner far down the list is found within a tenth of them", arguments: 1...5)
  func lateWinner(seed: UInt64) throws {
    // Eleven knobs alone, then pairs and triples of them: the last triple multiplies the three that help.
    let knobs = (0..<11).map { KnobName("knob_\($0)") }
    var candidates = [Fixture.candidate()] + knobs.map { Fixture.candidate([$0: .int(1)]) }
    for a in 0..<10 {
      for b in (a + 1)..<11 { candidates.append(Fixture.candidate([knobs[a]: .int(1), knobs[b]: .int(1)])) }
    }
    for a in 0..<9 {
      for b in (a + 1)..<10 {
        for c in (b + 1)..<11 {
          candidates.append(Fixture.candidate([knobs[a]: .int(1), knobs[b]: .int(1), knobs[c]: .int(1)]))
        }
      }
    }
    candidates =
      Array(candidates.prefix(199)) + [
        Fixture.candidate([knobs[8]: .int(1), knobs[9]: .int(1), knobs[10]: .int(1)])
      ]
    #expect(candidates.count == 200)
    var play = Play(
      TrialPlannerTests.spec(budget: 3600, workloads: [.chat]),
      [TrialPlannerTests.target("one", candidates: candidates, workloads: [.chat])], seed: seed)
    play.costs = HiddenCosts(
      speedups: [
        "chat": [knobs[8]: 1.4, knobs[9]: 1.3, knobs[10]: 1.35, knobs[0]: 0.8, knobs[1]: 0.9, knobs[2]: 0.7]
      ], noise: 0.05)
    play.toTheEnd()
    let finding = try #require(play.planner.findings.first)
    #expect(finding.best == candidates[199], "\(finding.best.configuration.label)")
    #expect(finding.isConfirmedGain)
    let looked = Set(play.measurements.map(\.configuration)).count - 1
    #expect(looked <= 20, "looked at \(looked)")
  }

  @Test("Slots are raised no further once throughput does not grow")
  func saturation() {
    let slots = [2, 4, 8, 16, 32, 64].map { Fixture.candidate([.slotCount: .int($0)]) }
    let workload = Workload.concurrent
    var play = Play(
      TrialPlannerTests.spec(budget: 600, workloads: [workload]),
      [TrialPlannerTests.target("one", candidates: [Fixture.candidate()] + slots, workloads: [workload])])
    let growth: [KnobValue: Double] = [
      .int(2): 1.5, .int(4): 2, .int(8): 1.9, .int(16): 1.8, .int(32): 1.7, .int(64): 1.6,
    ]
    play.costs = HiddenCosts(speedups: [:], noise: 0.02, byValue: ["concurrent": [.slotCount: growth]])
    play.toTheEnd()
    let tried = Set(play.measurements.compactMap { $0.configuration[.slotCount]?.intValue })
    #expect(tried.isSuperset(of: [2, 4]) && tried.isDisjoint(with: [32, 64]), "\(tried.sorted())")
    #expect(play.planner.findings.first?.best.configuration[.slotCount] == .int(4))
  }

  @Test("A benchmark whose races are decided ends before its budget does")
  func decidedEarly() {
    var play = Play(
      TrialPlannerTests.spec(budget: 100_000, workloads: [.chat, .edit]), [TrialPlannerTests.target("one")])
    play.toTheEnd()
    let used = play.seconds[.screening, default: 0] + play.seconds[.paired, default: 0]
    #expect(used < 2000, "\(play.seconds)")
    #expect(!play.planner.summary(at: play.now).wasCutShort)
  }

  @Test("When the default itself does not run, nothing can be compared, and the benchmark ends")
  func defaultDoesNotRun() {
    var play = Play(TrialPlannerTests.spec(budget: 100_000, workloads: [.chat]), [TrialPlannerTests.target("one")])
    play.costs.defaultCrashes = true
    play.toTheEnd()
    #expect(play.trials.count <= 3)
    #expect(play.planner.summary(at: play.now).wasCutShort)
    #expect(play.planner.findings.allSatisfy { !$0.isConfirmedGain })
  }

  /// The quickstart: two models, five workloads of half length, two workers of one machine, five minutes.
  @Test("Five minutes give eight candidates on four workloads on both workers, and two paired rounds of the best three")
  func quickstart() throws {
    let workloads = [Workload.chat, .longPrompt, .sharedPrefix, .concurrent, .edit].map(\.halved)
    let targets = ["strong", "weak"].flatMap { worker in
      ["dense", "moe"].map { model in
        TrialPlannerTests.target(worker, coreCount: worker == "weak" ? 1 : 2, model: model, workloads: workloads)
      }
    }
    var play = Play(TrialPlannerTests.spec(budget: 300, models: ["dense", "moe"], workloads: workloads), targets)
    // As measured on two quiet cores: a request of half length takes 0.1 to 0.6 s, eight at once share the engine.
    play.costs.baseSeconds = 0.35
    play.toTheEnd()
    for target in targets {
      let own = play.measurements.filter { $0.worker == target.worker && $0.model.id == target.model.id }
      let tried = Dictionary(grouping: own, by: \.workload.name).mapValues { Set($0.map(\.configuration)).count - 1 }
      #expect(tried.filter { $0.value >= 8 }.count >= 4, "\(target.worker) \(target.model.name): \(tried)")
      let paired = own.filter { $0.source.purpose == .paired }
      for (workload, blocks) in Dictionary(grouping: paired, by: \.workload.name) {
        let rounds = Dictionary(grouping: blocks, by: \.configuration).mapValues(\.count)
        #expect(rounds.filter { $0.value >= 2 }.count >= 2, "\(target.worker) \(workload): \(rounds.values.sorted())")
      }
    }
    let counted = play.seconds[.screening, default: 0] + play.seconds[.paired, default: 0]
    #expect(counted <= 310, "\(play.seconds)")
    #expect(play.planner.findings.count == 20)
  }
}

@Suite struct StartListTests {
  private func entrant(_ text: String, _ methods: [MethodName], foreseen: Double? = nil) -> Entrant {
    Entrant(
      Candidate(
        configuration: EngineConfiguration(engine: Fixture.engine, methods: methods, knobs: [.slotCount: .text(text)]),
        fidelity: .exact), foreseen: foreseen.map { LogEstimate(mean: $0, variance: 0.01) })
  }

  @Test("The opening is the portfolio; the rest is ordered by what is foreseen")
  func order() {
    let (a, b, c) = (MethodName("a"), MethodName("b"), MethodName("c"))
    let list = StartList(
      [
        entrant("a1", [a]), entrant("a2", [a], foreseen: 0.3), entrant("b1", [b]), entrant("b2", [b]),
        entrant("c1", [c]), entrant("ab", [a, b], foreseen: 0.2), entrant("bc", [b, c], foreseen: -0.1),
      ],
      portfolio: [
        EngineConfiguration(engine: Fixture.engine, knobs: [.slotCount: .text("bc")]),
        EngineConfiguration(engine: Fixture.engine, knobs: [.slotCount: .text("gone")]),
      ])
    let labels = list.entrants.map { $0.candidate.configuration[.slotCount]?.textValue ?? "" }
    #expect(labels == ["bc", "a2", "ab", "a1", "b1", "b2", "c1"])
    #expect(list.openingCount == 1)
  }

  @Test("Where nobody knows anything, each of the first methods opens alone, with its most promising setting")
  func opensWithEachMethod() {
    let names = ["a", "b", "c", "d", "e"].map { MethodName($0) }
    let field =
      names.flatMap { name in [entrant("\(name)1", [name]), entrant("\(name)2", [name])] }
      + [entrant("ab", [names[0], names[1]])]
    func labels(_ list: StartList) -> [String] {
      list.entrants.prefix(list.openingCount).map { $0.candidate.configuration[.slotCount]?.textValue ?? "" }
    }
    #expect(labels(StartList(field)) == ["a1", "b1"])
    #expect(Set(StartList(field).entrants) == Set(field), "all others come later")
    var foreseen = field
    foreseen[3].foreseen = LogEstimate(mean: 0.2, variance: 0.01)
    #expect(labels(StartList(foreseen)) == [], "what is foreseen goes before what mostly helps")
  }

  /// A server that somebody else started has its default and nothing else: that is measured, on each workload once.
  @Test func defaultAloneIsMeasured() {
    let workloads: [Workload] = [.chat, .edit]
    let fields: [String: [Candidate]] = ["chat": [], "edit": []]
    var play = TrialPlannerTests.Play(
      TrialPlannerTests.spec(budget: 100, workloads: workloads),
      [TrialPlannerTests.target("one", fields: fields, workloads: workloads)])
    play.toTheEnd()
    let summary = play.planner.summary(at: play.now)
    #expect(play.measurements.map(\.workload.name).sorted() == ["chat", "edit"])
    #expect(summary.findings.count == 2)
    #expect(summary.findings.allSatisfy { $0.best.configuration.isDefault && $0.defaultMetrics != nil })
  }
}
