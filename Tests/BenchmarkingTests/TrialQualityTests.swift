import Benchmarking
import Glibc
import Serving
import TestKit
import Testing

/// Quality measured within trials, on the scripted engine: real processes, real HTTP, known distributions.
@Suite("Quality within a trial", .serialized) struct TrialQualityTests {
  private static let shape = Workload(name: "small", promptTokens: 12...12, outputTokens: 4...4, requestCount: 2)
  private static let engine = EngineName("scripted")

  /// The default, and one candidate that has `slots` slots.
  private func spec(
    _ slots: [Int] = [2], _ fidelity: Fidelity = .exact, rounds: Int = 1, wanted: [Int] = [1], seconds: Double = 600
  ) -> TrialSpec {
    let candidates = slots.map { slots in
      Candidate(
        configuration: EngineConfiguration(
          engine: Self.engine, methods: [MethodName("some-method")], knobs: [.slotCount: .int(slots)]),
        fidelity: fidelity)
    }
    return TrialSpec(
      id: TrialID("trial"), benchmark: BenchmarkID("benchmark"), purpose: .paired, model: ModelProfile.scripted.id,
      candidates: [Candidate(configuration: EngineConfiguration(engine: Self.engine), fidelity: .exact)] + candidates,
      workloads: [Self.shape], rounds: rounds, seed: 1, timeLimitSeconds: seconds, qualityWanted: wanted)
  }

  /// Runs a trial in which candidates, unlike the default, follow another script.
  private func run(
    _ spec: TrialSpec, base: ScriptedEngine.Script = .init(), qualitySeconds: Double = 600,
    memoryLimitBytes: Int = 8 << 30, candidate: @escaping @Sendable (inout ScriptedEngine.Script) -> Void = { _ in }
  ) async throws -> [Measurement] {
    let engine = ScriptedEngine(script: base) { configuration, script in
      guard let slots = configuration[.slotCount]?.intValue else { return }
      script.slots = slots
      candidate(&script)
    }
    let host = try scriptedHost(engine, memoryLimitBytes: memoryLimitBytes)
    let reports = Reports()
    await TrialRunner(
      host: host, timing: TrialTiming(blockSeconds: 300, stallSeconds: 120, qualitySeconds: qualitySeconds)
    )
    .run(spec) { await reports.add($0, $1) }
    #expect(await reports.endsOnce)
    return await reports.measurements
  }

  private func only(_ measurements: [Measurement]) throws -> Measurement {
    let measured = measurements.filter(\.triedQuality)
    #expect(measured.count == 1, "once in a trial, for the candidate that lacks it")
    let found = try #require(measured.first)
    #expect(!found.configuration.isDefault && found.outcome.kind == "completed")
    return found
  }

  /// What promises exactness and keeps it is seen so at all positions, once, with four requests at a time.
  @Test func exactIsVerified() async throws {
    let measurements = try await run(spec([4], rounds: 3))
    #expect(measurements.count == 6)
    let loss = try #require(try only(measurements).quality)
    #expect(loss == QualityLoss(positionCount: 256, topAgreement: 1, decisiveMismatchCount: 0, probeVersion: 1))
  }

  /// Nothing is measured that was not asked for.
  @Test func nothingIsMeasuredUnasked() async throws {
    #expect(try await run(spec(wanted: [])).allSatisfy { !$0.triedQuality })
  }

  /// The distributions of `DivergenceTests.byHand` at every position; the text is as probable as before.
  @Test func approximateIsMeasured() async throws {
    let measurements = try await run(spec([2], .approximate)) {
      $0.certainty = 0.5
      $0.runnerUp = 0.4
    }
    let loss = try #require(try only(measurements).quality)
    #expect(loss.positionCount == 256 && loss.topAgreement == 1 && loss.decisiveMismatchCount == 0)
    let divergence = try #require(loss.divergence)
    #expect(abs(divergence - 0.0230877) < 1e-6)
    // Hardly a word of the text follows its predecessor in counting, and all other tokens share 0.1 equally.
    let reference = try #require(loss.referencePerplexity)
    #expect((60_000...82_000).contains(reference), "\(reference)")
    let own = try #require(loss.perplexity)
    #expect(abs(own / reference - 1) < 0.01)
  }

  /// A candidate that says other tokens every seventh time: each disagreement is seen once, at the default's own
  /// contexts, and costs 0.3 ln 2 there.
  @Test func brokenPromisesAreFlagged() async throws {
    for fidelity in [Fidelity.exact, .approximate] {
      let loss = try #require(try only(await run(spec([2], fidelity)) { $0.slipEvery = 7 }).quality)
      let mismatches = loss.decisiveMismatchCount
      #expect((24...48).contains(mismatches) && !loss.isExact)
      let share = Double(mismatches) / 256
      #expect(abs(loss.topAgreement - (1 - share)) < 1e-12)
      let divergence = try #require(loss.divergence)
      #expect(abs(divergence - share * 0.3 * log(2.0)) < 1e-6)
      #expect(fidelity.corrected(by: loss) == .approximate)
    }
  }

  /// The same slips where the two tokens are 0.022 nats apart: rounding, and still exact.
  @Test func tiesAreNoBreach() async throws {
    let torn = ScriptedEngine.Script {
      $0.certainty = 0.46
      $0.runnerUp = 0.45
    }
    let loss = try #require(try only(await run(spec(), base: torn) { $0.slipEvery = 7 }).quality)
    #expect(loss.isExact && loss.topAgreement < 1 && loss.divergence == nil)
  }

  /// An engine that cannot be forced has no perplexity, and everything else.
  @Test func perplexityIsOptional() async throws {
    let loss = try #require(
      try only(await run(spec([2], .approximate), base: ScriptedEngine.Script { $0.forcible = false })).quality)
    #expect(loss.divergence == 0 && loss.perplexity == nil && loss.referencePerplexity == nil)
  }

  /// Whatever keeps a probe from its end is a warning of the measurement; the trial goes on.
  @Test(arguments: ["gave no log-probabilities", "fewer than 64 tokens came", "connection"])
  func failuresAreWarnings(reason: String) async throws {
    let base = ScriptedEngine.Script { script in
      if reason.hasPrefix("gave") { script.logprobs = false }
      if reason.hasPrefix("fewer") { script.itlMS = 40 }
    }
    let measurements = try await run(
      spec([2], .approximate, rounds: 3), base: base, qualitySeconds: reason.hasPrefix("fewer") ? 1 : 600
    ) {
      // Far from the end of a block, which has 8 tokens after a warm-up of 8, and before that of a probe.
      if reason == "connection" { $0.dieAfterTokens = 60 }
    }
    let warned = try only(measurements)
    #expect(warned.quality == nil)
    #expect(
      warned.warnings.contains { $0.hasPrefix("quality not measured") && $0.contains(reason) }, "\(warned.warnings)")
    #expect(measurements.count == 6 && measurements.allSatisfy { $0.outcome.kind == "completed" })
  }

  /// Without the default in the trial there is nothing to compare with.
  @Test func defaultMustBeThere() async throws {
    var spec = spec([2, 3])
    spec.candidates.removeFirst()
    spec.qualityWanted = [0, 7]
    let warned = try only(await run(spec))
    #expect(warned.warnings.contains { $0.contains("the default of scripted is not in the trial") })
  }

  /// With memory for one engine at a time the default is loaded, asked, and makes room again.
  @Test func engineByEngineWhereMemoryIsShort() async throws {
    let measurements = try await run(spec([2, 3], wanted: [1, 2]), memoryLimitBytes: 300 << 20)
    #expect(measurements.filter { $0.quality?.isExact == true }.count == 2)
  }

  /// A trial whose time is over measures no quality any more, and does not warn: the next one will.
  @Test func noProbeAfterTheTimeLimit() async throws {
    let measurements = try await run(spec([2, 3], rounds: 9, wanted: [1, 2], seconds: 0.001))
    #expect(measurements.count == 1 && !measurements[0].triedQuality)
  }

  /// Probes get a share of a trial's time: the first one is over it here, so the second candidate waits for another trial.
  @Test func probesHaveAShareOfTheTime() async throws {
    let engine = ScriptedEngine()
    for (share, count) in [(0.0, 0), (1e-9, 1), (1.0, 2)] {
      let reports = Reports()
      await TrialRunner(
        host: try scriptedHost(engine),
        timing: TrialTiming(blockSeconds: 300, stallSeconds: 120, qualitySeconds: 600, qualityShare: share)
      )
      .run(spec([2, 3], rounds: 2, wanted: [1, 2], seconds: 3600)) { await reports.add($0, $1) }
      let measurements = await reports.measurements
      #expect(measurements.count == 6 && measurements.allSatisfy { $0.outcome.kind == "completed" })
      #expect(measurements.filter(\.triedQuality).count == count, "with a share of \(share)")
    }
  }

  /// A cancelled trial ends soon also in the middle of a probe, here of one that would take ten minutes.
  @Test func cancellationEndsAProbe() async throws {
    // The candidate's block comes first, so the default is started by the probe.
    var spec = spec([1], .approximate, rounds: 2)
    spec.seed = try #require(
      (1..<99).first { seed in
        var other = spec
        other.seed = seed
        return BlockSchedule(other).blocks[0].candidate == 1
      })
    let (begun, begin) = AsyncStream<Void>.makeStream()
    let engine = ScriptedEngine { configuration, script in
      guard configuration.isDefault else { return }
      script.itlMS = 10_000
      begin.yield()
    }
    let (host, reports) = (try scriptedHost(engine), Reports())
    let timing = TrialTiming(blockSeconds: 3600, stallSeconds: 3600, qualitySeconds: 3600)
    let task = Task { [spec] in
      await TrialRunner(host: host, timing: timing).run(spec) { await reports.add($0, $1) }
    }
    for await _ in begun { break }
    let cancelledAt = ContinuousClock.now
    task.cancel()
    await task.value
    #expect(ContinuousClock.now - cancelledAt < .seconds(300))
    #expect(await reports.endsOnce)
    #expect(await reports.measurements.map(\.outcome) == [.cancelled])
  }
}
