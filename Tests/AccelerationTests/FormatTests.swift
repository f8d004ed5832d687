import Acceleration
import Serving
import Testing

@Suite("A model's format decides which engines can be asked to run it")
struct FormatTests {
  /// The dense model's F16 weights as a folder, and the engine that loads only folders.
  static let folder: ModelProfile = {
    var model = Fixture.model("dense-hf", parameters: 60_000_000, bytes: 120_000_000, type: "F16", group: "dense")
    model.format = .huggingFace
    return model
  }()

  private func candidates(
    _ model: ModelProfile, _ formats: Set<ModelFormat>, available: [ModelProfile]
  ) -> [Candidate] {
    Candidates.propose(
      in: AccelerationContext(
        model: model, available: available, hardware: Fixture.hardware(), engine: EngineName("engine"),
        abilities: EngineAbilities(knobs: Fixture.allKnobs, formats: formats), workload: .concurrent, limits: Limits()))
  }

  @Test("An engine that loads the model's format runs it as it is, and sees no file of another format")
  func ownFormat() {
    let proposed = candidates(Self.folder, [.huggingFace], available: [Self.folder, Fixture.denseQ4, Fixture.draft])
    #expect(proposed[0].configuration.isDefault && proposed[0].isApplicable)
    #expect(!proposed.contains { $0.isApplicable && $0.configuration[.weightVariant] != nil })
    #expect(!proposed.contains { $0.isApplicable && $0.configuration[.draftModel] != nil })
  }

  @Test("An engine that does not loads the same weights from the file in its own format, as an exact strategy")
  func twin() {
    let all = [Self.folder, Fixture.denseF16, Fixture.denseQ4, Fixture.draft]
    let proposed = candidates(Self.folder, [.gguf], available: all)
    #expect(
      proposed[0].configuration
        == EngineConfiguration(
          engine: EngineName("engine"),
          knobs: [
            .weightVariant: .text(Fixture.denseF16.id.rawValue)
          ]))
    #expect(proposed[0].isApplicable && proposed[0].fidelity == .exact)
    let applicable = proposed.filter(\.isApplicable)
    #expect(applicable.contains { $0.configuration.methods == [MethodName("continuous-batching")] })
    #expect(applicable.allSatisfy { $0.configuration[.weightVariant] != nil })
    #expect(
      applicable.contains {
        $0.fidelity == .approximate && $0.configuration[.weightVariant] == .text(Fixture.denseQ4.id.rawValue)
      })
    #expect(
      candidates(Fixture.denseF16, [.huggingFace], available: all)[0].configuration[.weightVariant]
        == .text(Self.folder.id.rawValue))
  }

  @Test("Without such a file every candidate is refused with the format")
  func noTwin() {
    let proposed = candidates(Self.folder, [.gguf], available: [Self.folder, Fixture.stranger])
    #expect(proposed.allSatisfy { $0.refusedReason?.contains("dense-hf is in hugging-face format") == true })
    #expect(proposed.count > 1)
    // Other weights are no twin, though of the same model.
    #expect(candidates(Self.folder, [.gguf], available: [Fixture.denseQ4]).allSatisfy { !$0.isApplicable })
  }
}
