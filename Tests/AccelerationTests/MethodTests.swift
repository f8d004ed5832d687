import Acceleration
import Serving
import Testing

@Suite("Each method is offered where it can help, and says why where it cannot")
struct MethodTests {
  private func offered(
    _ method: any AccelerationMethod, _ context: AccelerationContext, _ knob: KnobName
  ) -> [KnobValue] {
    method.settings(in: context).filter { $0.refusedReason == nil }.compactMap { $0.knobs[knob] }
  }

  private func refusal(_ method: any AccelerationMethod, _ context: AccelerationContext) -> String? {
    method.settings(in: context).compactMap(\.refusedReason).first
  }

  @Test(
    "Slots go up to the workload's concurrency, the largest first",
    arguments: [(1, []), (2, [2]), (3, [3, 2]), (8, [8, 4, 2]), (64, [16, 8, 4, 2])])
  func slots(concurrency: Int, counts: [Int]) {
    var workload = Workload.concurrent
    workload.concurrency = concurrency
    let context = Fixture.context(workload: workload)
    #expect(offered(ContinuousBatching(), context, .slotCount) == counts.map { .int($0) })
    #expect((refusal(ContinuousBatching(), context) == nil) == !counts.isEmpty)
  }

  @Test("A draft model shares the vocabulary and is at least four times cheaper")
  func draft() {
    let drafts = offered(DraftModelSpeculation(), Fixture.context(), .draftModel)
    #expect(drafts == [.text("draft-id"), .text("draft-id")])
    #expect(
      offered(DraftModelSpeculation(), Fixture.context(), .draftTokens) == [.int(3), .int(8)])

    let alone = Fixture.context(available: [Fixture.dense, Fixture.stranger])
    #expect(refusal(DraftModelSpeculation(), alone)?.contains("vocabulary of dense") == true)
    let heavy = Fixture.model(
      "heavy", parameters: 16_000_000, bytes: 16_000_000, type: "Q8_0", group: "heavy")
    let tooHeavy = Fixture.context(available: [Fixture.dense, heavy])
    #expect(refusal(DraftModelSpeculation(), tooHeavy)?.contains("a quarter") == true)
    var unknown = Fixture.dense
    unknown.vocabularyFingerprint = ""
    #expect(refusal(DraftModelSpeculation(), Fixture.context(model: unknown)) != nil)
  }

  @Test("Weight variants are smaller files of the same model, the smallest first")
  func weights() {
    #expect(
      offered(WeightQuantization(), Fixture.context(), .weightVariant) == [.text("dense-q4-id")])
    #expect(
      offered(WeightQuantization(), Fixture.context(model: Fixture.denseF16), .weightVariant)
        == [.text("dense-q4-id"), .text("dense-id")])
    #expect(refusal(WeightQuantization(), Fixture.context(model: Fixture.denseQ4)) != nil)
    var loner = Fixture.dense
    loner.variantGroup = ""
    #expect(refusal(WeightQuantization(), Fixture.context(model: loner)) != nil)
  }

  @Test(
    "Threads are fewer than cores; all of them is the engine's default already",
    arguments: [(1, []), (2, [1]), (3, [1]), (8, [4, 1])])
  func threads(cores: Int, counts: [Int]) {
    let context = Fixture.context(hardware: Fixture.hardware(cores: cores))
    #expect(offered(ThreadCount(), context, .threadCount) == counts.map { .int($0) })
  }

  @Test("Prefix caching is never switched off where requests share a prefix")
  func prefix() {
    #expect(
      offered(PrefixCaching(), Fixture.context(workload: .chat), .prefixCaching) == [.bool(false)])
    #expect(
      offered(PrefixCaching(), Fixture.context(workload: .sharedPrefix), .prefixCaching) == [])
    #expect(
      refusal(PrefixCaching(), Fixture.context(workload: .sharedPrefix))?.contains("94%") == true)
  }

  @Test("Prefill steps are tried only where the prompt is longer than the step they change")
  func chunks() {
    #expect(offered(ChunkedPrefill(), Fixture.context(workload: .chat), .microBatchTokens) == [])
    #expect(
      offered(ChunkedPrefill(), Fixture.context(workload: .edit), .microBatchTokens) == [.int(128)])
    #expect(
      offered(ChunkedPrefill(), Fixture.context(workload: .longPrompt), .microBatchTokens) == [
        .int(128), .int(1024),
      ])
  }

  @Test("Flash attention is switched on only where the engine might not do so itself")
  func flash() {
    #expect(offered(FlashAttention(), Fixture.context(), .flashAttention) == [.bool(false)])
    let gpu = Fixture.gpus(16)
    #expect(
      offered(FlashAttention(), Fixture.context(hardware: gpu), .flashAttention) == [
        .bool(false), .bool(true),
      ])
  }

  @Test("Methods that change the output say so")
  func fidelity() {
    let approximate = MethodCatalogue.all.filter { $0.fidelity == .approximate }.map(
      \.name.rawValue)
    #expect(Set(approximate) == ["weight-quantization", "kv-cache-quantization"])
  }
}
