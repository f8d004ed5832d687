import Acceleration
import Serving
import Testing

@Suite("Candidates are bounded, the same each time, and refused with numbers")
struct CandidatesTests {
  @Test("The default comes first, every configuration once, and equal contexts give equal lists")
  func order() {
    let candidates = Candidates.propose(in: Fixture.context())
    #expect(candidates[0].configuration.isDefault && candidates[0].isApplicable)
    let applicable = candidates.filter(\.isApplicable).map(\.configuration.fingerprint)
    #expect(applicable.count == Set(applicable).count)
    #expect(candidates == Candidates.propose(in: Fixture.context()))
    #expect(candidates.count <= Candidates.limit)
  }

  @Test("Singles come before combinations, and combinations hold the knobs of all their methods")
  func combinations() throws {
    let candidates = Candidates.propose(in: Fixture.context()).filter(\.isApplicable)
    let sizes = candidates.map(\.configuration.methods.count)
    let firstPair = try #require(sizes.firstIndex { $0 > 1 })
    #expect(sizes[firstPair...].allSatisfy { $0 > 1 })
    let pair = candidates.first {
      $0.configuration.methods
        == ["continuous-batching", "draft-model-speculation"].map { MethodName($0) }
    }
    #expect(pair?.configuration[.slotCount] == .int(8))
    #expect(pair?.configuration[.draftModel] == .text("draft-id"))
    #expect(sizes.contains(3))
    #expect(
      !candidates.contains {
        $0.configuration.methods.count { $0.rawValue.hasSuffix("speculation") } > 1
      })
  }

  @Test("A candidate is approximate when any of its methods is")
  func fidelity() {
    for candidate in Candidates.propose(in: Fixture.context()) {
      let methods = candidate.configuration.methods.compactMap { MethodCatalogue.named($0) }
      #expect(candidate.fidelity == (methods.map(\.fidelity).max() ?? .exact))
    }
  }

  @Test("Only the methods asked for are proposed, and the default always is")
  func chosenMethods() {
    let asked = [MethodName("thread-count"), MethodName("no-such-method")]
    let candidates = Candidates.propose(in: Fixture.context(), methods: asked)
    #expect(candidates.map(\.configuration.methods) == [[], [MethodName("thread-count")]])
  }

  @Test("What the engine cannot be told is refused by name, also in combinations")
  func knobs() {
    let candidates = Candidates.propose(
      in: Fixture.context(knobs: Fixture.allKnobs.subtracting([.slotCount])))
    let slots = candidates.filter {
      $0.configuration.methods.contains(MethodName("continuous-batching"))
    }
    #expect(slots.count == 1)
    #expect(slots[0].refusedReason == "llamacpp cannot be told slot_count")
  }

  @Test("A configuration over the memory limit is refused with the sum, and what needs it is not proposed")
  func memory() throws {
    let candidates = Candidates.propose(in: Fixture.context(limits: Limits(memoryBytes: 190 << 20)))
    #expect(candidates[0].isApplicable)
    let many = try #require(candidates.first { $0.configuration.knobs == [.slotCount: .int(8)] })
    #expect(many.refusedReason?.contains("over the limit of 190 MB") == true)
    #expect(many.refusedReason?.contains("weights 61 MB + cache") == true)
    let few = candidates.first { $0.configuration.knobs == [.slotCount: .int(2)] }
    #expect(few?.isApplicable == true)
    #expect(!candidates.contains { $0.isApplicable && $0.configuration[.slotCount] == .int(8) })
  }

  @Test("A worker without room for the model refuses even the default")
  func noRoom() {
    let context = Fixture.context(
      hardware: Fixture.hardware(memoryBytes: 64 << 20), limits: Limits(memoryBytes: 1 << 40))
    #expect(Candidates.propose(in: context).allSatisfy { !$0.isApplicable })
  }

  @Test("A prompt longer than the context refuses every candidate")
  func contextLength() {
    var workload = Workload.longPrompt
    workload.promptTokens = 5000...5000
    let candidates = Candidates.propose(in: Fixture.context(workload: workload))
    #expect(candidates.allSatisfy { !$0.isApplicable })
    #expect(candidates[0].refusedReason == "prompt and output take 5016 tokens, dense has 4096")
  }
}

@Suite("Memory is foreseen near what llama.cpp was measured to take")
struct MemoryEstimateTests {
  private func megabytes(_ knobs: [KnobName: KnobValue], _ workload: Workload = .longPrompt) -> Int {
    let configuration = EngineConfiguration(engine: EngineName("llamacpp"), knobs: knobs)
    return MemoryEstimate(configuration, in: Fixture.context(workload: workload)).totalBytes >> 20
  }

  @Test("One slot lies within a third of the measured 136 MB, eight within a factor of two of 306 MB")
  func measured() {
    #expect((100...180).contains(megabytes([:])))
    #expect((153...612).contains(megabytes([.slotCount: .int(8)])))
  }

  @Test("The context of a slot holds every workload with a margin, in steps of 256")
  func contextTokens() {
    #expect(MemoryEstimate.contextTokens([.chat]) == 256)
    #expect(MemoryEstimate.contextTokens([.chat, .longPrompt]) == 1792)
  }

  @Test("Slots and drafts add, quantized weights and caches save")
  func directions() {
    let plain = megabytes([:])
    #expect(megabytes([.slotCount: .int(4)]) > plain)
    #expect(
      megabytes([.speculation: .text("draft-model"), .draftModel: .text("draft-id")]) > plain)
    #expect(megabytes([.weightVariant: .text("dense-q4-id")]) < plain)
    #expect(megabytes([.keyCacheType: .text("q8_0"), .valueCacheType: .text("q8_0")]) < plain)
  }
}
