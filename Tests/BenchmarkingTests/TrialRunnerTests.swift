import Benchmarking
import Engines
import Glibc
import Serving
import Synchronization
import TestKit
import Testing

/// Whole trials on the scripted engine: real processes, real HTTP, real failures.
@Suite("Trial runner", .serialized) struct TrialRunnerTests {
  private static let shape = Workload(
    name: "small", promptTokens: 20...20, outputTokens: 6...6, concurrency: 2, requestCount: 4)
  private static let other = Workload(name: "other", promptTokens: 12...12, outputTokens: 4...4, requestCount: 2)

  /// Configurations are told apart by their number of slots.
  private func candidate(_ slots: Int) -> Candidate {
    Candidate(
      configuration: EngineConfiguration(
        engine: EngineName("scripted"), methods: [MethodName("continuous-batching")], knobs: [.slotCount: .int(slots)]),
      fidelity: .exact)
  }

  private func spec(
    _ slots: [Int], workloads: [Workload] = [shape], lineups: [[Int]] = [], rounds: Int = 1, seconds: Double = 900,
    seed: UInt64 = 1
  ) -> TrialSpec {
    TrialSpec(
      id: TrialID("trial"), benchmark: BenchmarkID("benchmark"), purpose: .paired, model: ModelProfile.scripted.id,
      candidates: slots.map(candidate), workloads: workloads, lineups: lineups, rounds: rounds, firstRound: 3,
      seed: seed,
      timeLimitSeconds: seconds)
  }

  /// Runs a trial in which the configuration with 2 slots follows another script.
  private func run(
    _ spec: TrialSpec, base: ScriptedEngine.Script = .init(),
    two: @escaping @Sendable (inout ScriptedEngine.Script) -> Void = { _ in },
    timing: TrialTiming = TrialTiming(blockSeconds: 600, stallSeconds: 300), memoryLimitBytes: Int = 8 << 30,
    hasModel: Bool = true, startTimeout: Double = 300
  ) async throws -> Reports {
    let (host, reports) = (
      try host(base, two, memoryLimitBytes, hasModel: hasModel, startTimeout: startTimeout), Reports()
    )
    await TrialRunner(host: host, timing: timing).run(spec) { await reports.add($0, $1) }
    return reports
  }

  private func host(
    _ base: ScriptedEngine.Script, _ two: @escaping @Sendable (inout ScriptedEngine.Script) -> Void,
    _ memoryLimitBytes: Int, hasModel: Bool, startTimeout: Double
  ) throws -> EngineHost {
    var engine = ScriptedEngine(script: base) { configuration, script in
      let slots = configuration[.slotCount]?.intValue ?? 1
      script.slots = slots
      if slots == 2 { two(&script) }
    }
    engine.startTimeoutSeconds = startTimeout
    return try scriptedHost(engine, memoryLimitBytes: memoryLimitBytes, hasModel: hasModel)
  }

  private func slots(_ measurement: Measurement) -> Int { measurement.configuration[.slotCount]?.intValue ?? 0 }

  /// Every configuration, workload and round once; the same work for all in a round; the last one is the last.
  @Test func everyBlockIsMeasuredOnce() async throws {
    let spec = spec([1, 2], workloads: [Self.shape, Self.other], rounds: 2)
    let reports = try await run(
      spec,
      base: .init {
        $0.ttftMS = 5
        $0.itlMS = 2
        $0.draftAcceptance = 0.25
      })
    let measurements = await reports.measurements
    #expect(measurements.count == 8)
    #expect(await reports.endsOnce)
    #expect(Set(measurements.map(\.id)).count == 8)
    let order = BlockSchedule(spec).blocks
    #expect(zip(measurements, order).allSatisfy { slots($0) == $1.candidate + 1 })
    for (measurement, block) in zip(measurements, order) {
      let workload = spec.workloads[block.workload]
      #expect(
        measurement.source
          == .trial(TrialID("trial"), benchmark: BenchmarkID("benchmark"), purpose: .paired, round: block.round))
      #expect(measurement.workload == workload && measurement.engineVersion == "scripted 1")
      let metrics = try #require(measurement.outcome.metrics, "\(measurement.outcome)")
      #expect(metrics.requestCount == workload.requestCount && metrics.failedRequestCount == 0)
      #expect(metrics.promptTokenCount == workload.requestCount * workload.promptTokens.lowerBound)
      #expect(metrics.outputTokenCount == workload.requestCount * workload.outputTokens.lowerBound)
      #expect(metrics.ttft.meanMS >= 5 && metrics.tpot.meanMS > 0 && metrics.acceptanceRate == 0.25)
      #expect((metrics.peakMemoryBytes ?? 0) > 1 << 20 && metrics.loadSeconds > 0)
      #expect(measurement.samples.count == workload.requestCount)
      #expect(measurement.startedAtMS > 1_700_000_000_000)
      // Fresh prompts: nothing of an earlier block was in the cache, but for the first token by chance.
      #expect(measurement.samples.allSatisfy { ($0.cachedTokenCount ?? 9) <= 1 })
    }
  }

  /// One slot serves two streams one after the other, and each round's blocks are compared with each other. How much
  /// faster two slots are is for a quiet machine to say, not for a test.
  @Test func roundsArePaired() async throws {
    let reports = try await run(spec([1, 2], rounds: 2), base: .init { $0.ttftMS = 200 })
    let measurements = await reports.measurements
    let (one, two) = (measurements.filter { slots($0) == 1 }, measurements.filter { slots($0) == 2 })
    #expect(one.allSatisfy { ($0.outcome.metrics?.wallSeconds ?? 0) >= 2 * 0.2 })
    let ratios = PairedRatios(candidate: two, baseline: one, objective: .throughput)
    func throughputs(_ blocks: [Measurement]) -> [Int: Double] {
      var found: [Int: Double] = [:]
      for block in blocks {
        if case .trial(_, _, _, let round) = block.source { found[round] = block.outcome.metrics?.throughput }
      }
      return found
    }
    let slow = throughputs(one)
    let logs = throughputs(two).compactMap { round, fast in slow[round].map { log(fast / $0) } }
    #expect(ratios.count == 2)
    #expect(zip(ratios.logSpeedups.sorted(), logs.sorted()).allSatisfy { abs($0 - $1) < 1e-9 }, "\(ratios) \(logs)")
  }

  /// Whatever goes wrong with one configuration is its result, and the other one is measured as if nothing was.
  @Test(arguments: [
    ("engine_failed", "exited with status 3"), ("engine_failed", "SIGSEGV"), ("engine_failed", "not understood"),
    ("engine_failed", "scripted to refuse"), ("timed_out", "timedOut"), ("out_of_memory", "its limit is"),
    ("engine_failed", "it serves 1 requests at once, and was told 2"),
  ]) func failuresAreResults(kind: String, reason: String) async throws {
    let reports = try await run(
      spec([1, 2], rounds: 1),
      two: { script in
        switch reason {
        case "exited with status 3": script.failStart = 3
        case "SIGSEGV": script.dieAfterTokens = 12
        case "not understood": script.garbage = true
        case "scripted to refuse": script.refuse = true
        case "it serves 1 requests at once, and was told 2": script.claimedSlots = 1
        case "its limit is":
          script.eatMegabytesPerSecond = 1000
          // It comes to no end of its own.
          script.itlMS = 60_000
        default: script.hang = .stream
        }
      },
      // Only an engine that hangs has to be cut off, and the sound one beside it not, whatever else the machine does.
      timing: kind == "timed_out"
        ? TrialTiming(blockSeconds: 20, stallSeconds: 20, slowestPrefillRate: 1000)
        : TrialTiming(blockSeconds: 600, stallSeconds: 300),
      memoryLimitBytes: 200 << 20)
    #expect(await reports.endsOnce)
    let measurements = await reports.measurements
    #expect(measurements.count == 2)
    for measurement in measurements {
      if slots(measurement) == 1 {
        #expect(measurement.outcome.kind == "completed", "\(measurement.outcome)")
      } else {
        #expect(measurement.outcome.kind == kind && "\(measurement.outcome)".contains(reason), "\(measurement.outcome)")
      }
    }
  }

  /// An engine that crashes in each block is started once more, then left alone and said to be; one that never starts
  /// has its failure in every block. All blocks of the other configuration are measured.
  @Test(arguments: [true, false]) func brokenConfigurationsAreNotTriedForEver(starts: Bool) async throws {
    let reports = try await run(
      spec([1, 2], rounds: 4), two: { if starts { $0.dieAfterTokens = 12 } else { $0.failStart = 3 } })
    #expect(await reports.endsOnce)
    let measurements = await reports.measurements
    #expect(measurements.count == 8)
    #expect(measurements.filter { slots($0) == 1 }.allSatisfy { $0.outcome.kind == "completed" })
    let broken = measurements.filter { slots($0) == 2 }
    #expect(
      broken.map(\.outcome.kind)
        == (starts
          ? ["engine_failed", "engine_failed", "cancelled", "cancelled"] : Array(repeating: "engine_failed", count: 4)))
    if starts { #expect(broken.dropFirst(2).allSatisfy { $0.warnings[0].contains("failed twice") }) }
  }

  /// Requests an engine refuses in order (here: longer than its context) are a result of that workload only.
  @Test func refusedRequestsLeaveTheEngineUsable() async throws {
    var long = Self.shape
    long.promptTokens = 60...60
    let reports = try await run(
      spec([1], workloads: [long, Self.other], rounds: 3), base: .init { $0.contextTokens = 48 })
    let measurements = await reports.measurements
    #expect(measurements.count == 6)
    for measurement in measurements {
      #expect(
        measurement.outcome.kind == (measurement.workload == Self.other ? "completed" : "engine_failed"),
        "\(measurement.outcome)")
    }
    #expect("\(measurements[0].outcome)".contains("60 tokens, more than the context of 48"))
  }

  /// With memory for one engine at a time the trial gives the same measurements, with restarts between.
  @Test func engineByEngineWhereMemoryIsShort() async throws {
    let reports = try await run(spec([1, 2, 3], rounds: 2), memoryLimitBytes: 200 << 20)
    let measurements = await reports.measurements
    #expect(measurements.count == 6)
    #expect(measurements.allSatisfy { $0.outcome.kind == "completed" }, "\(measurements.map(\.outcome))")
  }

  /// No block starts after the limit, and the last one says that it is the last.
  @Test func timeLimitEndsTheTrial() async throws {
    let reports = try await run(spec([1, 2], rounds: 50, seconds: 0.5), base: .init { $0.ttftMS = 60 })
    let count = await reports.all.count
    #expect((1..<20).contains(count), "\(count)")
    #expect(await reports.endsOnce)
    let none = try await run(spec([1], seconds: 0))
    #expect(await none.measurements.map(\.outcome) == [.timedOut(afterSeconds: 0)])
    #expect(await none.endsOnce)
  }

  /// A cancelled trial reports one cancelled measurement at its end, and its engines are gone by then.
  @Test func cancellationEndsSoonAndOnce() async throws {
    let reports = Reports()
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let host = try host(
      .init {
        $0.ttftMS = 50
        $0.itlMS = 200
      }, { _ in }, 8 << 30, hasModel: true, startTimeout: 300)
    let task = Task {
      await TrialRunner(host: host).run(
        spec([1, 2], workloads: [Self.other], rounds: 500)
      ) { measurement, isLast in
        await reports.add(measurement, isLast)
        begin.yield()
      }
    }
    for await _ in begun { break }
    task.cancel()
    await task.value
    let all = await reports.all
    #expect(all.count < 200, "of a thousand blocks of more than a second each")
    #expect(all.last?.measurement.outcome == .cancelled && all.last?.isLast == true)
    #expect(all.dropLast().allSatisfy { $0.measurement.outcome.kind == "completed" && !$0.isLast })
  }

  /// Trials that cannot be run say so in one last measurement.
  @Test func impossibleTrials() async throws {
    var wide = Self.shape
    wide.concurrency = 10_000
    var endless = Self.shape
    endless.arrivalRate = 0
    for (spec, hasModel, word) in [
      (spec([]), true, "nothing to run"), (spec([1], workloads: []), true, "nothing to run"),
      (spec([1], rounds: 0), true, "nothing to run"), (spec([1], lineups: [[1]]), true, "do not fit"),
      (spec([1]), false, "is not on tester"),
      (spec([1], workloads: [wide]), true, "10000 streams"), (spec([1], workloads: [endless]), true, "0.0 arrivals"),
    ] {
      let reports = try await run(spec, hasModel: hasModel)
      #expect(await reports.endsOnce)
      let outcomes = await reports.measurements.map(\.outcome)
      #expect(outcomes.count == 1 && "\(outcomes)".contains(word), "\(outcomes)")
    }
  }

  /// A configuration the engine cannot be started with is refused in words; a missing variant or draft as well.
  @Test func refusedConfigurations() async throws {
    var spec = spec([1])
    for (knob, value, word) in [
      (KnobName.flashAttention, KnobValue.bool(true), "has no knob flash_attention"),
      (.weightVariant, .text("absent"), "the model absent is not on tester"),
      (.draftModel, .text("absent"), "the draft model absent is not on tester"),
    ] {
      spec.candidates = [
        Candidate(
          configuration: EngineConfiguration(engine: EngineName("scripted"), knobs: [knob: value]), fidelity: .exact)
      ]
      let outcomes = await (try run(spec)).measurements.map(\.outcome)
      #expect(outcomes.count == 1 && "\(outcomes)".contains(word), "\(outcomes)")
    }
    spec.candidates = [Candidate(configuration: EngineConfiguration(engine: EngineName("none")), fidelity: .exact)]
    let outcomes = await (try run(spec)).measurements.map(\.outcome)
    #expect("\(outcomes)".contains("the engine none is not on tester"), "\(outcomes)")
  }
}
