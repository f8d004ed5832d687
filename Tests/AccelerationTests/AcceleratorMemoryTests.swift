import Serving
import Testing

@testable import Acceleration

@Suite("Memory of a configuration is divided between the processor and the GPUs its engine computes on")
struct AcceleratorMemoryTests {
  private static let engine = EngineName("able")

  private func estimate(
    _ knobs: [KnobName: KnobValue] = [:], _ model: ModelProfile = Fixture.dense, _ hardware: HardwareProfile
  ) -> MemoryEstimate {
    MemoryEstimate(
      EngineConfiguration(engine: Self.engine, knobs: knobs), asked: model, available: [model, Fixture.draft],
      hardware: hardware, contextTokens: 1024)
  }

  @Test("By default as many layers as fit are on the GPU: all of a small model, whose file is mapped until it is there")
  func all() {
    let there = estimate([:], Fixture.dense, Fixture.gpus(24))
    let here = estimate([:], Fixture.dense, Fixture.hardware())
    #expect(there.acceleratorShare.layers == 1 && there.acceleratorShare.work == 1)
    #expect(there.weightBytes == Fixture.dense.weightBytes && there.cacheBytes == 0)
    #expect(there.acceleratorBytes > here.weightBytes + here.cacheBytes)
    #expect(here.acceleratorBytes == 0 && here.acceleratorShare == .none)
    #expect(there.description.hasSuffix("MB on GPUs") && !here.description.contains("GPU"))
  }

  @Test("Of a model that is larger than the GPU the rest stays in main memory, and nothing is refused")
  func fitting() {
    var large = Fixture.dense
    large.weightBytes = 40 << 30
    let estimate = estimate([:], large, Fixture.gpus(24))
    #expect((0.5...0.6).contains(estimate.acceleratorShare.layers))
    #expect(estimate.acceleratorBytes <= Int(0.95 * Double(24 << 30)))
    #expect(estimate.cacheBytes > 0 && estimate.acceleratorBytes > 20 << 30)
    #expect(estimate.acceleratorRefusal(Fixture.gpus(24).accelerators, MemoryCorrection()) == nil)
  }

  @Test("More layers than fit are refused with the figures")
  func tooMany() {
    var large = Fixture.dense
    large.weightBytes = 40 << 30
    let all = estimate([.gpuLayers: .int(13)], large, Fixture.gpus(24))
    #expect(
      all.acceleratorRefusal(Fixture.gpus(24).accelerators, MemoryCorrection())?
        .contains("for 100% of the layers are over 95%") == true)
    var context = Fixture.able(model: large, hardware: Fixture.gpus(24))
    context.hardware.memoryBytes = 64 << 30
    let half = Candidates.propose(in: context).first { $0.configuration[.gpuLayers] == .int(6) }
    #expect(half != nil && half?.refusedReason == nil)
  }

  @Test("A build for a processor, no layers, and another engine's GPU leave all in main memory")
  func none() {
    for knobs: [KnobName: KnobValue] in [[.isaBuild: .text("avx512")], [.gpuLayers: .int(0)]] {
      #expect(estimate(knobs, Fixture.dense, Fixture.gpus(24)).acceleratorBytes == 0, "\(knobs)")
    }
    var hardware = Fixture.gpus(24)
    hardware.accelerators[0].engines = [EngineName("another")]
    #expect(estimate([:], Fixture.dense, hardware).acceleratorBytes == 0)
  }

  @Test("Experts left on the processor take most of a mixture's weights with them, and less of its work")
  func experts() {
    var mixture = Fixture.mixture
    mixture.activeWeightBytes = 40_000_000
    let all = estimate([:], mixture, Fixture.gpus(24))
    let left = estimate([.expertCPULayers: .int(12)], mixture, Fixture.gpus(24))
    let downs = estimate([.tensorOverrides: .text(ExpertOffload.downMatrices)], mixture, Fixture.gpus(24))
    // 180 MB are 28 of 32 experts' unused share: all experts are 206 MB of 220, and 26 of the 40 that a token reads.
    #expect(abs(left.acceleratorShare.weights - (1 - 180.0 / 0.875 / 220)) < 1e-9)
    #expect(abs(left.acceleratorShare.work - (1 - 180.0 / 0.875 / 8 / 40)) < 1e-9)
    #expect(left.acceleratorShare.layers == 1 && left.cacheBytes == 0)
    #expect(left.acceleratorBytes < downs.acceleratorBytes && downs.acceleratorBytes < all.acceleratorBytes)
  }

  @Test("Room among others is the larger of the shares of both memories")
  func room() {
    let hardware = Fixture.gpus(24)
    var large = Fixture.dense
    large.weightBytes = 11 << 30
    let estimate = estimate([:], large, hardware)
    let corrections = MemoryCorrections()
    let room = corrections.plannedRoomBytes(estimate, on: hardware, memoryLimitBytes: 64 << 30)
    // Half of the GPU is half of what there is, though it takes a quarter of main memory.
    #expect((0.45...0.6).contains(Double(room) / Double(64 << 30)))
    #expect(corrections.plannedBytes(estimate) < 16 << 30)
    #expect(corrections.plannedRoomBytes(estimate, on: hardware, memoryLimitBytes: 8 << 30) > 8 << 30)
    let here = self.estimate([:], Fixture.dense, Fixture.hardware())
    #expect(
      corrections.plannedRoomBytes(here, on: Fixture.hardware(), memoryLimitBytes: 8 << 30)
        == corrections.plannedBytes(here))
  }

  /// A completed block of a model of 11 GiB on a GPU, which took `ratio` times what was foreseen there.
  private func measurement(_ ratio: Double) -> Measurement {
    let summary = LatencySummary(meanMS: 1, p50MS: 1, p90MS: 1, p99MS: 1)
    let metrics = Metrics(
      requestCount: 1, failedRequestCount: 0, promptTokenCount: 1, outputTokenCount: 1, wallSeconds: 1, cpuSeconds: 1,
      peakMemoryBytes: 1 << 30, loadSeconds: 1, ttft: summary, itl: summary, tpot: summary, e2e: summary,
      acceleratorMemoryBytes: Int(ratio * Double(11 << 30)))
    return Measurement(
      id: .random("m"), source: .imported(from: "test"), worker: WorkerName("w"), hardware: Fixture.gpus(24),
      model: Fixture.dense, workload: .chat, configuration: EngineConfiguration(engine: Self.engine),
      fidelity: .exact, engineVersion: "1", startedAtMS: 0, outcome: .completed(metrics), memoryEstimateBytes: 1 << 30,
      acceleratorMemoryEstimateBytes: 11 << 30)
  }

  @Test("What GPUs' memory taught is kept apart from main memory's, and decides what fits there")
  func learned() {
    var large = Fixture.dense
    large.weightBytes = 18 << 30
    let hardware = Fixture.gpus(24)
    let (chosen, fitted) = (estimate([.gpuLayers: .int(13)], large, hardware), estimate([:], large, hardware))
    var corrections = MemoryCorrections()
    for _ in 0..<20 { corrections.insert(measurement(1.4)) }
    #expect(corrections.correction(of: chosen).factor == 1)
    let correction = corrections.acceleratorCorrection(of: chosen)
    #expect((1.35...1.4).contains(correction.factor) && correction.count == 20)
    #expect(chosen.acceleratorRefusal(hardware.accelerators, MemoryCorrection()) == nil)
    #expect(chosen.acceleratorRefusal(hardware.accelerators, correction)?.contains("the GPUs' 24576 MB") == true)
    #expect(fitted.acceleratorRefusal(hardware.accelerators, correction) == nil, "the engine takes what fits")
    let room = corrections.plannedRoomBytes(chosen, on: hardware, memoryLimitBytes: 64 << 30)
    #expect(abs(room - 64 << 30) < 64, "as much as there is, and no more")
    var accuracy = MemoryAccuracy(of: .accelerators)
    for _ in 0..<20 { accuracy.insert(measurement(1.4)) }
    #expect(accuracy.count == 20 && (accuracy.errors?.corrected.median ?? 1) < 0.05)
  }
}
