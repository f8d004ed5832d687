import Coordinator
import Messaging
import Serving
import Testing

/// Whole benchmarks against pretended engines whose costs the planner has to find out.
@Suite struct TrialPlannerTests {
  static let knobs: [KnobName] = [
    .slotCount, .prefixCaching, .batchTokens, .keyCacheType, .speculation, .ngramSize, .flashAttention, .threadCount,
    .microBatchTokens,
  ]
  static let approximateKnob = KnobName.weightVariant
  static let workloads: [Workload] = [.chat, .longPrompt, .sharedPrefix, .concurrent, .edit]

  static let candidates: [Candidate] =
    [Fixture.candidate()] + knobs.map { Fixture.candidate([$0: .int(1)]) }
    + [Fixture.candidate([approximateKnob: .int(1)], fidelity: .approximate)]

  /// Another knob is best for each workload; caching prefixes is bad for the concurrent one.
  static let costs = HiddenCosts(speedups: [
    "chat": [.speculation: 1.6, .slotCount: 0.9, approximateKnob: 1.5],
    "long-prompt": [.batchTokens: 1.3, .flashAttention: 0.6],
    "shared-prefix": [.prefixCaching: 3, .slotCount: 0.4],
    "concurrent": [.slotCount: 1.8, .prefixCaching: 0.5],
    "edit": [.ngramSize: 1.4, .speculation: 1.1],
  ])

  /// - Parameter fields: who may run on a workload, by its name; all candidates where it says nothing.
  static func target(
    _ worker: String, machine: String = "machine-1", coreCount: Int = 2, model: String = "dense",
    candidates: [Candidate] = candidates, fields: [String: [Candidate]] = [:], workloads: [Workload] = workloads
  ) -> PlannerTarget {
    PlannerTarget(
      model: Fixture.model(model), worker: WorkerName(worker),
      hardware: Fixture.hardware(machine: machine, coreCount: coreCount), baseline: candidates[0],
      startLists: Dictionary(
        uniqueKeysWithValues: workloads.map { workload in
          (workload.shape, StartList((fields[workload.name] ?? Array(candidates.dropFirst())).map { Entrant($0) }))
        }))
  }

  static func spec(budget: Double, models: [String] = ["dense"], workloads: [Workload] = workloads) -> BenchmarkSpec {
    BenchmarkSpec(
      id: "benchmark", models: models.map { Fixture.model($0).id }, workloads: workloads, budgetSeconds: budget,
      objective: .e2e, seed: 7)
  }

  /// Plays a benchmark to its end, one trial per machine at a time.
  struct Play {
    var planner: TrialPlanner
    var costs = TrialPlannerTests.costs
    var generator: SeededGenerator
    var now = Duration.zero
    var trials: [PlannedTrial] = []
    var seconds: [TrialPurpose: Double] = [:]
    var measurements: [Measurement] = []
    let targets: [PlannerTarget]

    init(
      _ spec: BenchmarkSpec, _ targets: [PlannerTarget], seed: UInt64 = 1,
      options: TrialPlanner.Options = TrialPlanner.Options()
    ) {
      generator = SeededGenerator(seed: seed)
      self.targets = targets
      planner = TrialPlanner(spec: spec, targets: targets, options: options, at: .zero, using: &generator)
    }

    /// Blocks of a configuration in all trials, by workload name.
    func blocks(_ configuration: EngineConfiguration, on workload: String) -> Int {
      measurements.filter { $0.configuration == configuration && $0.workload.name == workload }.count
    }

    mutating func toTheEnd() {
      while !planner.isDone {
        let planned = planner.next(at: now)
        if planned.isEmpty, !planner.isDone {
          now += .seconds(1)
          continue
        }
        for trial in planned {
          run(trial)
        }
      }
    }

    mutating func run(_ trial: PlannedTrial, breakingOffAfter blockCount: Int? = nil) {
      trials.append(trial)
      let start = now
      planner.started(trial.spec.id, at: start)
      let target = targets.first { $0.worker == trial.worker && $0.model.id == trial.spec.model }!
      let slowness = 2 / Double(target.hardware.coreCount)
      let blocks = costs.run(
        trial.spec, worker: trial.worker, hardware: target.hardware, model: target.model, slowness: slowness,
        using: &generator)
      for (measurement, at) in blocks.prefix(blockCount ?? blocks.count) {
        now = start + .seconds(at)
        measurements.append(measurement)
        planner.measured(measurement, at: now)
      }
      seconds[trial.spec.purpose, default: 0] += Double((now - start).components.seconds)
      planner.ended(trial.spec.id, blockCount == nil ? .finished : .cancelled, at: now)
    }
  }

  @Test("The best candidate of each workload is found and confirmed on fresh prompts")
  func findsTheBest() throws {
    var play = Play(Self.spec(budget: 600), [Self.target("one")])
    play.toTheEnd()
    let summary = play.planner.summary(at: play.now)
    let best: [String: KnobName] = [
      "chat": .speculation, "long-prompt": .batchTokens, "shared-prefix": .prefixCaching, "concurrent": .slotCount,
      "edit": .ngramSize,
    ]
    #expect(summary.findings.count == 5)
    for finding in summary.findings {
      let knob = try #require(best[finding.workload.name])
      #expect(Array(finding.best.configuration.knobs.keys) == [knob], "\(finding.workload.name)")
      #expect(finding.isConfirmedGain, "\(finding.workload.name): \(String(describing: finding.speedupInterval))")
      let truth = Self.costs.speedups[finding.workload.name]![knob]!
      #expect(abs(finding.speedup! / truth - 1) < 0.15, "\(finding.workload.name)")
      #expect(finding.pairCount >= 3)
      #expect(finding.bestMetrics != nil && finding.defaultMetrics != nil)
    }
    let chat = try #require(summary.findings.first { $0.workload.name == "chat" })
    #expect(chat.approximate?.fidelity == .approximate, "approximate ones are shown, apart")
    #expect(chat.best.fidelity == .exact)
    #expect(summary.measurementCount == summary.outcomes["completed"])
  }

  @Test(
    "Screening and paired rounds keep within the budget, the confirmation within its own", arguments: [60, 120, 300.0])
  func keepsTheBudget(budget: Double) {
    var play = Play(Self.spec(budget: budget), [Self.target("one"), Self.target("two", coreCount: 1)])
    play.toTheEnd()
    let counted = play.seconds[.screening, default: 0] + play.seconds[.paired, default: 0]
    // A trial's last block may go over its limit.
    #expect(counted <= budget * 1.1, "\(play.seconds)")
    #expect(play.seconds[.confirmation, default: 0] <= 66, "\(play.seconds)")
    #expect(counted > budget * 0.5, "most of the budget is used: \(play.seconds)")
    #expect(play.planner.summary(at: play.now).wasCutShort || budget > 100)
  }

  /// Room for the default's engine and two of those of every other candidate: no trial asks a worker for more at once,
  /// and one that does not fit at all is tried alone.
  @Test("Engines that stand side by side fit into the memory that the worker gives them", arguments: [3, 1])
  func keepsToTheMemory(engineCount: Int) {
    var target = Self.target("one")
    target.engineMemoryBytes = engineCount << 30
    for candidate in target.candidates { target.plannedBytes[candidate.configuration] = 1 << 30 }
    var play = Play(Self.spec(budget: 600), [target])
    play.toTheEnd()
    let screenings = play.trials.filter { $0.spec.purpose == .screening }
    #expect(screenings.count >= (Self.candidates.count - 1) / 2)
    #expect(screenings.allSatisfy { $0.spec.candidates.count <= max(2, engineCount) })
    #expect(screenings.contains { $0.spec.candidates.count == max(2, engineCount) })
  }

  @Test("Nothing better than the default is a finding, and costs no confirmation")
  func honestNoGain() {
    var play = Play(Self.spec(budget: 300, workloads: [.chat, .edit]), [Self.target("one")])
    play.costs = HiddenCosts(
      speedups: [
        "chat": Dictionary(uniqueKeysWithValues: Self.knobs.map { ($0, 0.7) }),
        "edit": Dictionary(uniqueKeysWithValues: Self.knobs.map { ($0, 0.7) }),
      ], noise: 0.02)
    play.toTheEnd()
    let findings = play.planner.findings
    #expect(findings.count == 2)
    for finding in findings {
      #expect(finding.best.configuration.isDefault)
      #expect(finding.speedup == nil)
      #expect(!finding.isConfirmedGain)
      #expect(finding.defaultMetrics != nil)
    }
    #expect(play.trials.allSatisfy { $0.spec.purpose != .confirmation })
  }

  @Test("Noise alone is no confirmed gain", arguments: 1...20)
  func noiseIsNoGain(seed: UInt64) {
    var play = Play(Self.spec(budget: 300, workloads: [.chat, .edit]), [Self.target("one")], seed: seed)
    play.costs = HiddenCosts(speedups: [:], noise: 0.13)
    play.toTheEnd()
    for finding in play.planner.findings where finding.isConfirmedGain {
      // One interval in twenty lies above 1 by chance; the confirmed effect must then be small.
      #expect(finding.speedup! < 1.25, "seed \(seed): \(finding.best.configuration.label)")
    }
  }

  @Test("Every trial holds the default, and prompts are never those of another trial")
  func pairsAndSeeds() {
    var play = Play(Self.spec(budget: 300), [Self.target("one"), Self.target("two", coreCount: 1)])
    play.toTheEnd()
    for trial in play.trials {
      #expect(trial.spec.candidates.first?.configuration.isDefault == true)
      #expect(trial.spec.candidates.count == Set(trial.spec.candidates.map(\.configuration)).count)
      #expect(trial.spec.timeLimitSeconds > 0)
    }
    #expect(Set(play.trials.map(\.spec.seed)).count == play.trials.count)
    #expect(Set(play.trials.map(\.spec.id)).count == play.trials.count)
  }

  @Test("The weaker worker of a machine comes second and begins with what the first one found best")
  func secondWorker() throws {
    var play = Play(Self.spec(budget: 600), [Self.target("weak", coreCount: 1), Self.target("strong")])
    play.toTheEnd()
    let racing = play.trials.filter { $0.spec.purpose != .confirmation }.map(\.worker)
    let change = try #require(racing.firstIndex(of: "weak"))
    #expect(
      racing.prefix(change).allSatisfy { $0 == "strong" } && racing.suffix(from: change).allSatisfy { $0 == "weak" })
    // Of the concurrent workload slots are best and prefix caching is worst: the first look of the second worker knows.
    let first = play.trials[change].spec
    let concurrent = try #require(first.workloads.firstIndex { $0.name == "concurrent" })
    let tried = first.lineup(concurrent).map { first.candidates[$0].configuration }
    #expect(tried.contains { $0[.slotCount] != nil } && !tried.contains { $0[.prefixCaching] != nil }, "\(tried)")
    let findings = play.planner.findings.filter { $0.worker == "weak" }
    #expect(findings.count == 5 && findings.allSatisfy { !$0.best.configuration.isDefault })
  }

  @Test("Workers of two machines are measured at the same time")
  func machinesInParallel() {
    var play = Play(Self.spec(budget: 100), [Self.target("one"), Self.target("far", machine: "machine-2")])
    let first = play.planner.next(at: .zero)
    #expect(Set(first.map(\.worker)) == ["one", "far"])
    #expect(play.planner.next(at: .zero).isEmpty, "each machine has its trial")
    for trial in first {
      play.run(trial)
    }
    play.toTheEnd()
    #expect(play.planner.findings.count == 10)
  }

  @Test("A candidate that crashes is not run again")
  func crashes() {
    var play = Play(Self.spec(budget: 600), [Self.target("one")])
    play.costs.crashing = [.slotCount]
    play.toTheEnd()
    let with = play.trials.filter { $0.spec.candidates.contains { $0.configuration[.slotCount] != nil } }
    #expect(with.count == 1, "\(with.map(\.spec.purpose))")
    #expect(play.planner.summary(at: play.now).outcomes["engine_failed", default: 0] > 0)
    #expect(play.planner.findings.allSatisfy { $0.best.configuration[.slotCount] == nil })
  }

  @Test("A trial that was broken off for a job comes again, without what was measured")
  func brokenOff() {
    var play = Play(Self.spec(budget: 600, workloads: [.chat, .edit]), [Self.target("one")])
    let first = play.planner.next(at: play.now)[0]
    play.run(first, breakingOffAfter: 3)
    let second = play.planner.next(at: play.now)[0]
    #expect(second.spec.purpose == .screening)
    #expect(second.spec.id != first.spec.id)
    play.run(second)
    play.toTheEnd()
    #expect(play.planner.findings.count == 2)
    #expect(play.planner.findings.allSatisfy { $0.best.configuration.isDefault == false })
  }

  @Test("A worker that is lost and does not come back ends its part, not the benchmark")
  func lostWorker() {
    var play = Play(Self.spec(budget: 200), [Self.target("one"), Self.target("far", machine: "machine-2")])
    let first = play.planner.next(at: .zero)
    let far = first.first { $0.worker == "far" }!
    play.planner.started(far.spec.id, at: .zero)
    play.planner.ended(far.spec.id, .workerLost, at: .seconds(5))
    play.planner.workerGone("far", at: .seconds(5))
    play.run(first.first { $0.worker == "one" }!)
    play.toTheEnd()
    let summary = play.planner.summary(at: play.now)
    #expect(summary.findings.allSatisfy { $0.worker == "one" })
    #expect(summary.findings.count == 5)
    #expect(summary.wasCutShort)
  }

  @Test("An interrupted benchmark goes on where it was: nothing again, other prompts, the rest of the budget")
  func resumes() throws {
    var first = Play(Self.spec(budget: 120), [Self.target("one")])
    for _ in 0..<2 {
      let trial = first.planner.next(at: first.now)[0]
      first.run(trial)
    }
    // Killed in the middle of the third trial.
    let third = first.planner.next(at: first.now)[0]
    first.run(third, breakingOffAfter: 3)

    var second = Play(Self.spec(budget: 120), [Self.target("one")], seed: 2)
    second.planner.resume(from: first.measurements, at: .zero)
    second.toTheEnd()
    let looked = Set(first.measurements.map { [$0.configuration.fingerprint, $0.workload.name] })
    let again = second.trials.filter { $0.spec.purpose == .screening }.flatMap { trial in
      trial.spec.workloads.enumerated().flatMap { place, workload in
        trial.spec.lineup(place).dropFirst().map {
          [trial.spec.candidates[$0].configuration.fingerprint, workload.name]
        }
      }
    }
    let complete = Set(third.spec.candidates.map(\.configuration.fingerprint))
    #expect(again.allSatisfy { !looked.contains($0) || complete.contains($0[0]) }, "only the broken trial's come again")
    #expect(Set(first.trials.map(\.spec.seed)).isDisjoint(with: second.trials.map(\.spec.seed)))
    let counted = second.seconds[.screening, default: 0] + second.seconds[.paired, default: 0]
    let before = first.seconds.values.reduce(0, +)
    #expect(counted + before <= 120 * 1.15, "\(before) s before and \(counted) s after")
    #expect(second.planner.findings.count == 5)
    #expect(second.planner.findings.filter(\.isConfirmedGain).count >= 4)
  }

  @Test("A benchmark that was interrupted after its confirmation has nothing left to do")
  func resumesAtTheEnd() {
    var first = Play(Self.spec(budget: 200, workloads: [.chat]), [Self.target("one", workloads: [.chat])])
    first.toTheEnd()
    var second = Play(Self.spec(budget: 1, workloads: [.chat]), [Self.target("one", workloads: [.chat])], seed: 2)
    second.planner.resume(from: first.measurements, at: .zero)
    second.toTheEnd()
    #expect(second.trials.isEmpty, "\(second.trials.map(\.spec.purpose))")
    #expect(second.planner.findings.map(\.best) == first.planner.findings.map(\.best))
    #expect(second.planner.findings.map(\.speedup) == first.planner.findings.map(\.speedup))
  }

  @Test("A budget of a second still gives one look at each target, then ends")
  func tinyBudget() {
    var play = Play(Self.spec(budget: 1), [Self.target("one")])
    play.toTheEnd()
    #expect(play.trials.count >= 1)
    #expect(play.planner.summary(at: play.now).wasCutShort)
  }

  @Test("A withdrawn benchmark plans nothing more and is done when what runs has ended")
  func withdrawn() {
    var play = Play(Self.spec(budget: 100), [Self.target("one")])
    let trial = play.planner.next(at: .zero)[0]
    play.planner.withdraw()
    #expect(!play.planner.isDone)
    #expect(play.planner.next(at: .zero).isEmpty)
    play.planner.ended(trial.spec.id, .cancelled, at: .seconds(1))
    #expect(play.planner.isDone)
  }

  @Test("The plan foreseen shrinks to what was done")
  func progress() {
    var play = Play(Self.spec(budget: 300), [Self.target("one")])
    let before = play.planner.progress(at: .zero)
    #expect(before.plannedBlocks > 0 && before.completedBlocks == 0)
    play.toTheEnd()
    let after = play.planner.progress(at: play.now)
    #expect(after.plannedBlocks == after.completedBlocks)
    #expect(after.phase == "confirmation")
  }
}
