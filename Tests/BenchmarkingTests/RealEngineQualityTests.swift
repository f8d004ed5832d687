import Benchmarking
import Engines
import Serving
import Testing

/// Quality on llama.cpp, with the synthetic dense model and its variants.
@Suite(
  "Real engine's quality", .serialized,
  .enabled(
    if: Installed.isThere && Installed.variant("q4_0") != nil && Installed.variant("f16") != nil,
    "no llama.cpp engine with a dense model in three weight types: run Deploy/engines/llamacpp/install and `apus model synthesize`"
  ))
struct RealEngineQualityTests {
  private func measure(_ candidates: [Candidate]) async throws -> [Measurement] {
    let paths = try ["q8_0", "q4_0", "f16"].map { try #require(Installed.variant($0)) }
    let models = try paths.map { (path: $0, profile: try GGUFReader.profile(path: $0, name: nil)) }
    let installation = EngineInstallation(stateDirectory: Installed.state, guardPath: try testGuardPath())
    let host = EngineHost(
      engines: [LlamaCppEngine(installation)],
      modelPath: { id in models.first { $0.profile.id == id }?.path },
      profile: { id in models.first { $0.profile.id == id }?.profile }, worker: WorkerName("tester"),
      hardware: HardwareProfile(
        machine: MachineID("here"), processor: "any", coreCount: 2, instructionSets: [], memoryBytes: 8 << 30,
        memoryBandwidth: 1e10, gemmRate: 1e11),
      engineVersions: [EngineName("llamacpp"): "installed"], guardPath: installation.guardPath,
      memoryLimitBytes: 8 << 30)
    let all =
      [Candidate(configuration: EngineConfiguration(engine: EngineName("llamacpp")), fidelity: .exact)] + candidates
    let spec = TrialSpec(
      id: TrialID("t"), benchmark: BenchmarkID("b"), purpose: .paired, model: models[0].profile.id, candidates: all,
      workloads: [.chat.halved], rounds: 1, seed: 5, timeLimitSeconds: 2400,
      qualityWanted: Array(all.indices.dropFirst()))
    let reports = Reports()
    // Generous: other tests may use the machine.
    await TrialRunner(host: host, timing: TrialTiming(blockSeconds: 900, stallSeconds: 300, qualitySeconds: 600)).run(
      spec
    ) { await reports.add($0, $1) }
    let measurements = await reports.measurements
    #expect(measurements.allSatisfy { $0.outcome.kind == "completed" }, "\(measurements.map(\.outcome))")
    return candidates.map { candidate in measurements.first { $0.configuration == candidate.configuration }! }
  }

  private func candidate(_ fidelity: Fidelity, _ knobs: [KnobName: KnobValue]) -> Candidate {
    Candidate(configuration: EngineConfiguration(engine: EngineName("llamacpp"), knobs: knobs), fidelity: fidelity)
  }

  /// Batching, one thread and n-gram speculation keep every greedy token, but for rounding.
  @Test func exactMethodsAreExact() async throws {
    let measured = try await measure([
      candidate(.exact, [.slotCount: .int(8)]), candidate(.exact, [.threadCount: .int(1)]),
      candidate(.exact, [.speculation: .text("n-gram"), .ngramSize: .int(3), .draftTokens: .int(8)]),
    ])
    for measurement in measured {
      let loss = try #require(measurement.quality, "\(measurement.warnings)")
      #expect(loss.positionCount == 256 && loss.isExact && loss.topAgreement > 0.95, "\(loss)")
    }
  }

  /// Four bits lose more than eight, in the weights and in the cache; the file with more bits than the default's differs
  /// from it least of all.
  @Test func fewerBitsLoseMore() async throws {
    let variants = try ["f16", "q4_0"].map { type in
      try GGUFReader.profile(path: try #require(Installed.variant(type)), name: nil).id.rawValue
    }
    let measured = try await measure(
      variants.map { candidate(.approximate, [.weightVariant: .text($0)]) }
        + ["q8_0", "q4_0"].map { candidate(.approximate, [.keyCacheType: .text($0), .valueCacheType: .text($0)]) })
    let losses = try measured.map { try #require($0.quality, "\($0.warnings)") }
    for loss in losses {
      #expect(loss.positionCount == 256)
      let (own, reference) = (try #require(loss.perplexity), try #require(loss.referencePerplexity))
      #expect(own > 1 && reference > 1 && (0.5...1.5).contains(own / reference), "\(loss)")
    }
    let nats = try losses.map { try #require($0.divergence) }
    #expect(nats[0] < nats[1] && nats[2] < nats[3], "\(nats)")
    #expect(losses[1].topAgreement < losses[0].topAgreement, "\(losses)")
  }
}
