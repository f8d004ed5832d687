import Acceleration
import FoundationEssentials
import Serving
import Testing

@Suite("Errors of memory estimates are learned and change what is refused next")
struct MemoryCorrectionsTests {
  private static let estimate = 200 << 20
  private static let engine = EngineName("llamacpp")

  /// A completed block whose engine took `ratio` times what was estimated.
  private static func measurement(
    _ ratio: Double, model: ModelProfile = Fixture.dense, variant: ModelProfile? = nil,
    estimate: Int? = MemoryCorrectionsTests.estimate
  ) -> Measurement {
    let summary = LatencySummary(meanMS: 1, p50MS: 1, p90MS: 1, p99MS: 1)
    return Measurement(
      id: .random("m"), source: .imported(from: "test"), worker: WorkerName("w"), hardware: Fixture.hardware(),
      model: model, workload: .chat,
      configuration: EngineConfiguration(
        engine: engine, knobs: variant.map { [.weightVariant: .text($0.id.rawValue)] } ?? [:]),
      fidelity: .exact, engineVersion: "1", startedAtMS: 0,
      outcome: .completed(
        Metrics(
          requestCount: 1, failedRequestCount: 0, promptTokenCount: 1, outputTokenCount: 1, wallSeconds: 1,
          cpuSeconds: 1, peakMemoryBytes: Int(ratio * Double(estimate ?? Self.estimate)), loadSeconds: 1, ttft: summary,
          itl: summary, tpot: summary, e2e: summary)), memoryEstimateBytes: estimate)
  }

  private static func learned(_ ratios: [Double]) -> MemoryCorrections {
    var corrections = MemoryCorrections()
    for ratio in ratios { corrections.insert(measurement(ratio)) }
    return corrections
  }

  @Test("Nothing measured: no correction, a margin of some 30%")
  func unknown() {
    let correction = MemoryCorrections().correction(engine: Self.engine, model: Fixture.dense.id)
    #expect(correction.factor == 1 && correction.count == 0)
    #expect((1.2...1.4).contains(correction.margin))
  }

  @Test("The factor goes to what was measured, and the margin shrinks with agreement and grows with disagreement")
  func converges() {
    let steady = Self.learned(Array(repeating: 1.5, count: 20))
      .correction(engine: Self.engine, model: Fixture.dense.id)
    #expect((1.45...1.5).contains(steady.factor) && steady.count == 20)
    #expect(steady.margin < 1.15)
    let restless = Self.learned((0..<20).map { $0 % 2 == 0 ? 1.0 : 2.0 })
      .correction(engine: Self.engine, model: Fixture.dense.id)
    #expect((1.3...1.5).contains(restless.factor))
    #expect(restless.margin > 1.5, "a factor of two between blocks needs room: \(restless.margin)")
  }

  @Test("Another model of the engine begins with the engine's error; a variant is a model of its own")
  func otherModels() {
    let corrections = Self.learned(Array(repeating: 1.5, count: 20))
    let draft = corrections.correction(engine: Self.engine, model: Fixture.draft.id)
    #expect((1.4...1.5).contains(draft.factor) && draft.count == 0)
    #expect(corrections.correction(engine: EngineName("other"), model: Fixture.dense.id).factor == 1)
    var variants = MemoryCorrections()
    for _ in 0..<10 { variants.insert(Self.measurement(2, variant: Fixture.denseQ4)) }
    #expect(variants.correction(engine: Self.engine, model: Fixture.denseQ4.id).count == 10)
    #expect(variants.correction(engine: Self.engine, model: Fixture.dense.id).count == 0)
  }

  @Test("A newer error replaces an older one within some hundred measurements")
  func forgets() {
    let corrections = Self.learned(Array(repeating: 2, count: 200) + Array(repeating: 1, count: 300))
    #expect((0.99...1.02).contains(corrections.correction(engine: Self.engine, model: Fixture.dense.id).factor))
  }

  @Test("Failures, missing estimates and figures that cannot be true teach nothing")
  func passedOver() {
    var corrections = MemoryCorrections()
    var failed = Self.measurement(1.5)
    failed.outcome = .outOfMemory(detail: "")
    corrections.insert(failed)
    corrections.insert(Self.measurement(1.5, estimate: nil))
    corrections.insert(Self.measurement(1.5, estimate: 0))
    corrections.insert(Self.measurement(1000))
    corrections.insert(Self.measurement(0))
    #expect(corrections == MemoryCorrections())
  }

  @Test("What was learned decides: a candidate that was proposed is refused with the numbers, and the other way round")
  func decides() throws {
    var context = Fixture.context(
      hardware: Fixture.hardware(memoryBytes: 8 << 30), limits: Limits(memoryBytes: 220 << 20))
    func refusal() -> String? { Candidates.propose(in: context)[0].refusedReason }
    #expect(refusal() == nil)
    context.corrections = Self.learned(Array(repeating: 2, count: 20))
    let reason = try #require(refusal())
    #expect(reason.contains("weights 61 MB") && reason.contains("cache"), "\(reason)")
    #expect(reason.contains("as 20 measurements taught") && reason.contains("over the limit of 220 MB"), "\(reason)")
    context.limits.memoryBytes = 100 << 20
    context.corrections = MemoryCorrections()
    #expect(refusal() != nil)
    context.corrections = Self.learned(Array(repeating: 0.4, count: 20))
    #expect(refusal() == nil)
  }

  @Test("The node's share for engines is a limit too")
  func nodeLimit() {
    var context = Fixture.context()
    #expect(context.memoryLimitBytes == 8 << 30)
    context.engineMemoryBytes = 50 << 20
    #expect(context.memoryLimitBytes == 50 << 20)
    #expect(Candidates.propose(in: context).allSatisfy { !$0.isApplicable })
  }

  @Test("A worker's file gives back what was learned")
  func roundTrip() throws {
    let corrections = Self.learned([1.2, 1.4, 1.1])
    let stored = try JSONEncoder().encode(corrections)
    #expect(try JSONDecoder().decode(MemoryCorrections.self, from: stored) == corrections)
  }

  @Test("Accuracy judges each measurement by what came before it: a constant error is soon corrected")
  func accuracy() throws {
    var accuracy = MemoryAccuracy()
    #expect(accuracy.errors == nil)
    for _ in 0..<40 { accuracy.insert(Self.measurement(1.5)) }
    accuracy.insert(Self.measurement(3))
    let errors = try #require(accuracy.errors)
    #expect(accuracy.count == 41)
    #expect(abs(errors.estimated.median - 0.5) < 1e-5 && abs(errors.estimated.p90 - 0.5) < 1e-5)
    #expect(errors.corrected.median < 0.05 && errors.corrected.p90 < 0.3)
    #expect(accuracy.overrunCount == 2, "the first, which nobody could foresee, and the last")
  }
}
